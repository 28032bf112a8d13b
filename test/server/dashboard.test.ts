import { once } from "node:events";
import {
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  rm,
  symlink,
  utimes,
  writeFile,
} from "node:fs/promises";
import http from "node:http";
import http2 from "node:http2";
import https from "node:https";
import net from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { buffer } from "node:stream/consumers";
import { fileURLToPath } from "node:url";
import { brotliCompressSync, brotliDecompressSync, gunzipSync, gzipSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { startTestServer, type TestServer } from "../support/server.ts";

const html = '<!doctype html><title>Annals</title><script src="/assets/main-a1B2_c3.js"></script>';
const script = "console.log('who did what');\n".repeat(500);
const large = Buffer.alloc(8 * 1024 * 1024, "x");
const tls = {
  TLS_CERT_FILE: fileURLToPath(new URL("localhost-cert.pem", import.meta.url)),
  TLS_KEY_FILE: fileURLToPath(new URL("localhost-key.pem", import.meta.url)),
};

const cleanup = new AsyncDisposableStack();
let directory: string;
let server: TestServer;

beforeAll(async () => {
  const parent = await mkdtemp(join(tmpdir(), "annals-dashboard-"));
  cleanup.defer(() => rm(parent, { recursive: true }));
  directory = join(parent, "dist");
  await build(directory);
  await writeFile(join(parent, "outside.js"), "outside");
  server = cleanup.use(await startTestServer({ overrides: { dashboardDirectory: directory } }));
});
afterAll(() => cleanup.disposeAsync());

/** Files as the build leaves them. */
async function build(into: string) {
  await mkdir(join(into, "assets", "folder"), { recursive: true });
  const files: Record<string, string | Buffer> = {
    "index.html": html,
    "index.html.br": brotliCompressSync(html),
    "index.html.gz": gzipSync(html),
    stamp: "0123",
    ".hidden": "hidden",
    "assets/main-a1B2_c3.js": script,
    "assets/main-a1B2_c3.js.br": brotliCompressSync(script),
    "assets/main-a1B2_c3.js.gz": gzipSync(script),
    "assets/only-gzip.css": "a{}",
    "assets/only-gzip.css.gz": gzipSync("a{}"),
    "assets/icon-1.svg": "<svg/>",
    "assets/large-1.js": large,
    "assets/.hidden.js": "hidden",
    "assets/folder/deep.js": "deep",
  };
  for (const [name, content] of Object.entries(files)) await writeFile(join(into, name), content);
}

type Headers = Record<string, string>;
interface Answer {
  readonly status: number;
  readonly headers: http.IncomingHttpHeaders | http2.IncomingHttpHeaders;
  readonly body: Buffer;
}
type Ask = (url: string, path: string, method?: string, headers?: Headers) => Promise<Answer>;

const http1: Ask = async (url, path, method = "GET", headers = {}) => {
  const { protocol, hostname, port } = new URL(url);
  const { request } = protocol === "https:" ? https : http;
  const options = { hostname, port, path, method, headers, agent: false };
  const asked = request({ ...options, rejectUnauthorized: false }).end();
  const [response] = (await once(asked, "response")) as [http.IncomingMessage];
  return {
    status: response.statusCode ?? 0,
    headers: response.headers,
    body: await buffer(response),
  };
};

const overHttp2: Ask = async (url, path, method = "GET", headers = {}) => {
  const session = http2.connect(url, { rejectUnauthorized: false });
  try {
    const stream = session.request({ ":path": path, ":method": method, ...headers });
    stream.end();
    const [answered] = (await once(stream, "response")) as [http2.IncomingHttpHeaders];
    return { status: Number(answered[":status"]), headers: answered, body: await buffer(stream) };
  } finally {
    session.close();
    await once(session, "close");
  }
};

const protocols = [
  ["HTTP/1.1", http1],
  ["HTTP/2", overHttp2],
] as const;

const openFiles = async () => (await readdir("/dev/fd")).length;

/** What a client is told that there is nothing. */
const nothing = {
  status: 404,
  headers: expect.objectContaining({ "content-type": "application/json" }),
};

describe.each(protocols)("over %s", (_, ask) => {
  test.each([
    ...["/", "/log", "/keys", "/?a=b", "/log?actor=usr-1&team=team-1", "/keys?%00%2e%2e"],
  ])("%s is the page, asked for again each time", async (path) => {
    const page = await ask(server.url, path);
    expect(page.status).toBe(200);
    expect(page.body.toString()).toBe(html);
    expect(page.headers).toMatchObject({
      "content-type": "text/html; charset=utf-8",
      "content-length": String(html.length),
      "cache-control": "no-cache",
      vary: "accept-encoding",
    });
    expect(Object.keys(page.headers)).not.toEqual(
      expect.arrayContaining([expect.stringMatching(/^(content-encoding|etag|last-modified)$/)]),
    );
  });

  test("an asset is asked for once", async () => {
    const asset = await ask(server.url, "/assets/main-a1B2_c3.js");
    expect(asset.status).toBe(200);
    expect(asset.body.toString()).toBe(script);
    expect(asset.headers).toMatchObject({
      "content-type": expect.stringMatching(/^(application|text)\/javascript; charset=utf-8$/),
      "cache-control": "public, max-age=31536000, immutable",
      vary: "accept-encoding",
    });
    const icon = await ask(server.url, "/assets/icon-1.svg");
    expect(icon.headers["content-type"]).toBe("image/svg+xml");
  });

  test.each([
    ["gzip, deflate, br, zstd", "br"],
    ["br", "br"],
    ["BR", "br"],
    ["*", "br"],
    ["gzip", "gzip"],
    ["gzip;q=0.1", "gzip"],
    ["gzip, br;q=0", "gzip"],
    ["*;q=0.5, br;q=0", "gzip"],
    ["gzip;q=0", undefined],
    ["br;q=0, gzip;q=0.000", undefined],
    ["*;q=0", undefined],
    ["identity", undefined],
    ["", undefined],
    ["vibrant, gzippy, x-br", undefined],
    [`${"a,".repeat(2_000)}`, undefined],
    ["zstd", undefined],
  ])("with Accept-Encoding: %s it is sent as %s", async (accept, encoding) => {
    for (const [path, content] of [
      ["/", html],
      ["/assets/main-a1B2_c3.js", script],
    ] as const) {
      const asset = await ask(server.url, path, "GET", { "accept-encoding": accept });
      expect(asset.status).toBe(200);
      expect(asset.headers["content-encoding"]).toBe(encoding);
      expect(asset.headers.vary).toBe("accept-encoding");
      const decode = { br: brotliDecompressSync, gzip: gunzipSync, none: (all: Buffer) => all };
      const decoded = decode[(encoding ?? "none") as keyof typeof decode](asset.body);
      expect(decoded.toString()).toBe(content);
      expect(asset.headers["content-length"]).toBe(String(asset.body.length));
      expect(asset.headers["content-type"]).toMatch(/(html|javascript); charset=utf-8$/);
    }
  });

  test("what was not compressed ahead is sent in the next best way", async () => {
    const accept = { "accept-encoding": "br, gzip" };
    const style = await ask(server.url, "/assets/only-gzip.css", "GET", accept);
    expect(style.headers).toMatchObject({
      "content-encoding": "gzip",
      "content-type": "text/css; charset=utf-8",
    });
    const icon = await ask(server.url, "/assets/icon-1.svg", "GET", accept);
    expect(icon.headers["content-encoding"]).toBeUndefined();
    expect(icon.body.toString()).toBe("<svg/>");
  });

  test("HEAD tells the same without a body", async () => {
    for (const path of ["/", "/log", "/assets/main-a1B2_c3.js", "/assets/large-1.js"]) {
      for (const accept of ["br", "identity"]) {
        const got = await ask(server.url, path, "GET", { "accept-encoding": accept });
        const told = await ask(server.url, path, "HEAD", { "accept-encoding": accept });
        expect(told.status).toBe(200);
        expect(told.body).toHaveLength(0);
        expect({ ...told.headers, date: "" }).toEqual({ ...got.headers, date: "" });
      }
    }
  });

  test("ranges and conditions are passed over", async () => {
    for (const header of [
      { range: "bytes=0-3" },
      { range: "bytes=-500" },
      { range: "bytes=9-1" },
      { range: "bytes=99999999999-" },
      { "if-match": '"none"' },
      { "if-none-match": "*" },
      { "if-modified-since": new Date(Date.now() + 60_000).toUTCString() },
      { "if-unmodified-since": "Thu, 01 Jan 1970 00:00:00 GMT" },
    ] as Headers[]) {
      const asset = await ask(server.url, "/assets/main-a1B2_c3.js", "GET", header);
      expect(asset.status).toBe(200);
      expect(asset.body.toString()).toBe(script);
    }
  });

  test.each([
    ...["/assets/", "/assets", "/assets/none.js", "/assets/main-a1B2_c3.js/", "/assets//main.js"],
    ...["/assets/main-a1B2_c3.js.br", "/assets/main-a1B2_c3.js.gz", "/assets/only-gzip.css.br"],
    ...["/assets/folder", "/assets/folder/deep.js", "/assets/.hidden.js", "/.hidden", "/stamp"],
    ...["/index.html", "/index.html.br", "/log/", "/log/x", "/logs", "/Log", "//", "/./", "/.."],
    ...["/../outside.js", "/assets/../../outside.js", "/assets/..", "/assets/../index.html"],
    ...["/assets/%2e%2e/%2e%2e/outside.js", "/assets/..%2f..%2foutside.js", "/%2e%2e/outside.js"],
    ...["/assets/%252e%252e%252foutside.js", "/assets/..%5c..%5coutside.js", "/assets\\..\\x"],
    ...["/assets/main-a1B2_c3.js%00", "/assets/%00", "/%00", "/assets/%", "/assets/%ff", "/%2flog"],
    ...["/assets/main-a1B2_c3.js%00.css", "/assets/%c0%ae%c0%ae/outside.js", "/l%6fg"],
    ...[`/assets/${"a".repeat(4_000)}`, `/assets/${"a".repeat(300)}.js`, "/favicon.ico"],
    ...["/etc/passwd", "/assets//etc/passwd", "/assets/C:/x", "/src/server/server.ts"],
  ])("%s is nothing", async (path) => {
    for (const method of ["GET", "HEAD"]) {
      expect(await ask(server.url, path, method, { "accept-encoding": "br, gzip" })).toMatchObject(
        nothing,
      );
    }
  });

  test.each(["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "PROPFIND"])(
    "%s is for no page and no asset",
    async (method) => {
      for (const path of ["/", "/log", "/assets/main-a1B2_c3.js"]) {
        expect(await ask(server.url, path, method)).toMatchObject(nothing);
      }
    },
  );

  test("the rest of the server is as it was", async () => {
    expect((await ask(server.url, "/healthz")).body.toString()).toBe("ok\n");
    expect(await ask(server.url, "/audit.v1.AuditService/NoSuchMethod", "POST")).toMatchObject({
      ...nothing,
      body: Buffer.from('{"code":"unimplemented","message":"nothing is served at this path"}\n'),
    });
  });

  test("a client that leaves before it is answered leaves no file open, and nothing in the log", async () => {
    const before = await openFiles();
    for (let i = 0; i < 50; i++) await leaveAtOnce(ask === http1);
    await expect.poll(openFiles).toBeLessThanOrEqual(before);
    expect(server.logs.join()).not.toContain("could not be sent");
  });

  test("a client that leaves in the middle leaves no file open", async () => {
    const before = await openFiles();
    for (let i = 0; i < 30; i++) await leaveEarly(ask === http1);
    await expect.poll(openFiles).toBeLessThanOrEqual(before);
    expect(server.logs.join()).not.toContain("could not be sent");
  });
});

/** Asks for pages over one connection and goes before, or just as, they are answered. */
async function leaveAtOnce(overHttp1: boolean) {
  if (overHttp1) {
    const socket = net.connect(Number(new URL(server.url).port));
    await once(socket, "connect");
    socket.write("GET / HTTP/1.1\r\nhost: x\r\n\r\n".repeat(5), () => socket.resetAndDestroy());
    await once(socket, "close");
    return;
  }
  const session = http2.connect(server.url);
  await once(session, "connect");
  for (const path of ["/", "/log", "/assets/main-a1B2_c3.js", "/assets/none.js"]) {
    session.request({ ":path": path }).close(http2.constants.NGHTTP2_CANCEL);
    const late = session.request({ ":path": path });
    setImmediate(() => late.close(http2.constants.NGHTTP2_CANCEL));
    await once(late, "close");
  }
  session.destroy();
  await once(session, "close");
}

/** Asks for the large file and goes at its first bytes. */
async function leaveEarly(overHttp1: boolean) {
  const path = "/assets/large-1.js";
  if (overHttp1) {
    const asked = http.get(`${server.url}${path}`, { agent: false });
    const [response] = (await once(asked, "response")) as [http.IncomingMessage];
    await once(response, "readable");
    response.destroy();
    await once(response, "close");
    return;
  }
  const session = http2.connect(server.url);
  const stream = session.request({ ":path": path });
  await once(stream, "readable");
  stream.close(http2.constants.NGHTTP2_CANCEL);
  session.destroy();
  await once(session, "close");
}

const paths = ["/", "/log?a=b", "/keys", "/assets/main-a1B2_c3.js", "/assets/icon-1.svg"];

test("every answer says what a browser may do with it", async () => {
  for (const [, ask] of protocols) {
    for (const path of paths) {
      for (const method of ["GET", "HEAD"]) {
        const { headers } = await ask(server.url, path, method);
        expect(headers).toMatchObject({
          "x-content-type-options": "nosniff",
          "referrer-policy": "no-referrer",
          "cross-origin-opener-policy": "same-origin",
          "cross-origin-resource-policy": "same-origin",
          "x-frame-options": "DENY",
          "permissions-policy": expect.stringContaining("clipboard-write=(self)"),
        });
        expect(headers).not.toHaveProperty("strict-transport-security");
        expect(headers).not.toHaveProperty("set-cookie");
        const policy = String(headers["content-security-policy"]).split("; ");
        expect(policy).toEqual(
          expect.arrayContaining([
            ...["default-src 'none'", "script-src 'self'", "style-src 'self'"],
            ...["connect-src 'self'", "base-uri 'none'", "frame-ancestors 'none'"],
            ...["require-trusted-types-for 'script'", "trusted-types 'none'"],
          ]),
        );
        expect(policy.join()).not.toMatch(/unsafe|\*|http|data:|blob:/);
      }
    }
  }
});

test("over TLS, browsers are told to stay with it", async () => {
  await using secure = await startTestServer({
    env: tls,
    overrides: { dashboardDirectory: directory },
  });
  for (const [, ask] of protocols) {
    const page = await ask(secure.url, "/", "GET", { "accept-encoding": "br" });
    expect(brotliDecompressSync(page.body).toString()).toBe(html);
    expect(page.headers["strict-transport-security"]).toBe("max-age=31536000");
  }
});

test("CORS and encodings both say what an answer depends on", async () => {
  const origin = "https://console.example.com";
  await using open = await startTestServer({
    env: { CORS_ORIGINS: origin },
    overrides: { dashboardDirectory: directory },
  });
  for (const [, ask] of protocols) {
    const { headers } = await ask(open.url, "/", "GET", { origin });
    expect(headers.vary).toMatch(/^origin, ?accept-encoding$/i);
    expect(headers["cross-origin-resource-policy"]).toBe("same-origin");
  }
});

test("what is asked for is not in the log, nor in the metrics", async () => {
  for (const [, ask] of protocols) {
    await ask(server.url, "/log?actor=usr-of-interest&q=of-interest");
    await ask(server.url, "/assets/of-interest.js");
  }
  const metrics = await http1(server.url, "/metrics");
  expect(`${server.logs.join()}${metrics.body}`).not.toContain("of-interest");
});

describe("a build", () => {
  test("that is not there is said so, on the page and once in the log", async () => {
    const empty = await mkdtemp(join(tmpdir(), "annals-dashboard-"));
    try {
      await using bare = await startTestServer({ overrides: { dashboardDirectory: empty } });
      for (const [, ask] of protocols) {
        const page = await ask(bare.url, "/log");
        expect(page).toMatchObject({
          status: 503,
          headers: {
            "content-type": "text/plain; charset=utf-8",
            "cache-control": "no-store",
            "content-security-policy": expect.stringContaining("default-src 'none'"),
          },
        });
        expect(page.body.toString()).toContain("npm run build:dashboard");
        expect((await ask(bare.url, "/", "HEAD")).body).toHaveLength(0);
        expect(await ask(bare.url, "/assets/main-a1B2_c3.js")).toMatchObject(nothing);
      }
      const said = () => bare.logs.filter((line) => line.includes("the dashboard is not built"));
      expect(said()).toHaveLength(1);

      await build(empty);
      expect((await http1(bare.url, "/")).body.toString()).toBe(html);
      expect(said()).toHaveLength(1);
    } finally {
      await rm(empty, { recursive: true });
    }
  });

  test("that replaces another is served from then on, were it of the same size and time", async () => {
    const changing = await mkdtemp(join(tmpdir(), "annals-dashboard-"));
    try {
      await build(changing);
      await using running = await startTestServer({ overrides: { dashboardDirectory: changing } });
      const time = new Date("2000-01-01");
      await utimes(join(changing, "index.html"), time, time);
      const { etag } = (await http1(running.url, "/")).headers;
      await rm(changing, { recursive: true });
      for (const [, ask] of protocols) {
        expect((await ask(running.url, "/")).status).toBe(503);
        expect(await ask(running.url, "/assets/main-a1B2_c3.js")).toMatchObject(nothing);
      }
      await build(changing);
      await writeFile(join(changing, "index.html"), html.replace("Annals", "Annuls"));
      await utimes(join(changing, "index.html"), time, time);
      const known = { "if-modified-since": new Date().toUTCString(), "if-none-match": etag ?? "" };
      const page = await http1(running.url, "/", "GET", known as Headers);
      expect(page.status).toBe(200);
      expect(page.body.toString()).toContain("Annuls");
    } finally {
      await rm(changing, { recursive: true });
    }
  });
});

test("a file that cannot be read is an error that is logged, and no more", async () => {
  const broken = await mkdtemp(join(tmpdir(), "annals-dashboard-"));
  try {
    await build(broken);
    // A link to itself, since the superuser may read whatever there is.
    await symlink("loop.js", join(broken, "assets", "loop.js"));
    await using running = await startTestServer({ overrides: { dashboardDirectory: broken } });
    for (const [i, [, ask]] of protocols.entries()) {
      const answer = await ask(running.url, "/assets/loop.js");
      expect(answer.status).toBe(500);
      expect(answer.body.toString()).not.toContain(broken);
      expect(running.logs.filter((line) => line.includes("ELOOP"))).toHaveLength(i + 1);
      expect((await ask(running.url, "/")).status).toBe(200);
    }
  } finally {
    await rm(broken, { recursive: true });
  }
});

test("DASHBOARD=off serves none", async () => {
  await using bare = await startTestServer({
    env: { DASHBOARD: "off" },
    overrides: { dashboardDirectory: directory },
  });
  for (const [, ask] of protocols) {
    for (const path of paths) expect(await ask(bare.url, path)).toMatchObject(nothing);
  }
  expect(await readFile(join(directory, "index.html"), "utf8")).toBe(html);
  expect(bare.logs.join()).not.toContain("dashboard");
});
