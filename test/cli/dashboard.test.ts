import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { createClient } from "@connectrpc/connect";
import { createConnectTransport } from "@connectrpc/connect-web";
import { decodeJwt, jwtVerify } from "jose";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { AccessService, CallerType } from "../../gen/audit/v1/access_service_pb.ts";
import { useCli } from "../support/cli.ts";
import { TEAM, TOKEN } from "../support/fake-service.ts";
import { programEnv } from "../support/program-env.ts";

const secret = "0123456789abcdef0123456789abcdef";
const twelveHours = 12 * 3_600;

/** What the link has in its fragment, which must be all that it has there. */
function tokenIn(link: string): string {
  const fragment = new URLSearchParams(new URL(link).hash.slice(1));
  expect([...fragment.keys()]).toEqual(["token"]);
  return fragment.get("token") ?? "";
}

describe("annals dashboard", () => {
  const cli = useCli();

  it("links to the server with the token given, and to the team", async () => {
    const { code, stdout, stderr } = await cli.annals(["dashboard"]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(stdout).toBe(`${cli.fake.url}/#token=${TOKEN}\n`);
    const args = ["dashboard", "--token", "annals_a-b_c", "--team", TEAM];
    const url = "https://audit.example.com/some/path?x=1#y";
    const linked = await cli.annals([...args, "--url", url]);
    expect(linked.stdout).toBe(`https://audit.example.com/?team=${TEAM}#token=annals_a-b_c\n`);
    expect(cli.fake.tokensSeen).toEqual([]);
  });

  it("leaves nothing of a token or a team outside its place", async () => {
    const args = ["dashboard", "--token", "a&team=b#c d%", "--team", "x&y=z#token=q"];
    const link = (await cli.annals(args)).stdout.trim();
    expect(tokenIn(link)).toBe("a&team=b#c d%");
    expect([...new URL(link).searchParams]).toEqual([["team", "x&y=z#token=q"]]);
  });

  it("links to where the page is served, as by the development server", async () => {
    const { stdout } = await cli.annals(["dashboard", "--page", "http://localhost:5173/"]);
    expect(stdout).toBe(`http://localhost:5173/#token=${TOKEN}\n`);
    for (const page of ["localhost:5173", "javascript:alert(1)", "no"]) {
      expect(await cli.annals(["dashboard", "--page", page])).toMatchObject({
        code: 2,
        stdout: "",
      });
    }
  });

  it("makes a token for it where the development secret is", async () => {
    await mkdir(join(cli.cwd, "data"));
    await writeFile(join(cli.cwd, "data", "dev-secret"), `${secret}\n`);
    const { code, stdout } = await cli.annals(["dashboard"], { ANNALS_TOKEN: "" });
    expect(code).toBe(0);
    const { payload } = await jwtVerify(tokenIn(stdout), Buffer.from(secret));
    expect(payload).toMatchObject({
      role: "platform_admin",
      team_id: "team-00000000-0000-7000-8000-000000000001",
    });
    expect((payload.exp ?? 0) - (payload.iat ?? 0)).toBe(twelveHours);
  });

  it("says what it needs where there is none, and makes none for another machine", async () => {
    expect(await cli.annals(["dashboard"], { ANNALS_TOKEN: "" })).toMatchObject({
      code: 3,
      stdout: "",
      stderr: expect.stringContaining(join("data", "dev-secret")),
    });
    await mkdir(join(cli.cwd, "data"));
    await writeFile(join(cli.cwd, "data", "dev-secret"), secret);
    const remote = ["dashboard", "--url", "https://audit.example.com"];
    expect(await cli.annals(remote, { ANNALS_TOKEN: "" })).toMatchObject({
      code: 3,
      stdout: "",
      stderr: expect.stringContaining("no credential for audit.example.com"),
    });
    expect(await cli.annals(["dashboard", "--url", "ftp://x"])).toMatchObject({ code: 2 });
  });
});

describe("the link that a start prints", () => {
  const main = fileURLToPath(new URL("../../src/main.ts", import.meta.url));
  // The first start makes its database, which takes seconds; the others find it.
  let dataDir: string;
  beforeAll(async () => {
    dataDir = await mkdtemp(join(tmpdir(), "annals-link-"));
  });
  afterAll(() => rm(dataDir, { recursive: true }));

  /** Starts it, reads its output until what is expected is there, and ends it. */
  async function outputOf(
    args: readonly string[],
    env: Record<string, string>,
    expected: RegExp,
    use: (output: string) => Promise<void> = async () => undefined,
  ): Promise<string> {
    const child = spawn(process.execPath, args, {
      cwd: tmpdir(),
      env: { ...programEnv, PORT: "0", DATA_DIR: dataDir, ...env },
    });
    const ended = once(child, "close");
    let output = "";
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding("utf8").on("data", (text: string) => {
        output += text;
      });
    }
    try {
      await vi.waitFor(() => expect(output).toMatch(expected), 90_000);
      await use(output);
    } finally {
      child.kill("SIGINT");
      await ended;
    }
    return output;
  }

  const linkIn = (output: string) => /^ *(http:\/\/\S+#token=\S+)$/m.exec(output)?.[1] ?? "";

  it("comes first, signs in as the development token would, and is in no log", async () => {
    const signIn = async (output: string) => {
      const link = linkIn(output);
      const interceptor: Parameters<typeof createConnectTransport>[0]["interceptors"] = [
        (next) => (request) => {
          request.header.set("authorization", `Bearer ${tokenIn(link)}`);
          return next(request);
        },
      ];
      const baseUrl = new URL(link).origin;
      const transport = createConnectTransport({ baseUrl, interceptors: interceptor });
      expect(await createClient(AccessService, transport).getCaller({})).toMatchObject({
        caller: {
          type: CallerType.PLATFORM_ADMIN,
          name: "Demo Admin",
          teamId: "team-00000000-0000-7000-8000-000000000001",
        },
      });
      expect((await fetch(link)).status).not.toBe(404);
    };
    const output = await outputOf([main], { LOG_LEVEL: "trace" }, /npx annals list/, signIn);
    const token = tokenIn(linkIn(output));
    const { exp = 0, iat = 0, ...claims } = decodeJwt(token);
    expect(exp - iat).toBe(twelveHours);
    const kept = decodeJwt((await readFile(join(dataDir, "dev-token"), "utf8")).trim());
    expect(kept).toMatchObject(claims);
    expect(output.indexOf(token)).toBe(output.lastIndexOf(token));
    const logged = output.split("\n").filter((line) => line.startsWith("{"));
    expect(logged.length).toBeGreaterThan(1);
    expect(logged.join("\n")).not.toContain(token.slice(-20));
    expect(output.indexOf("Look at it")).toBeLessThan(output.indexOf("Record an entry"));
  }, 120_000);

  it("is followed by commands that find the server, wherever it listens and keeps its data", async () => {
    const cliMain = fileURLToPath(new URL("../../src/cli/main.ts", import.meta.url));
    await outputOf([main], {}, /npx annals list/, async (output) => {
      const printed = /List what is there: +(.+)$/m.exec(output)?.[1] ?? "";
      const command = printed.replace("npx annals", `"${process.execPath}" "${cliMain}"`);
      const options = { cwd: tmpdir(), env: programEnv };
      await promisify(execFile)("sh", ["-c", command], options);
    });
  }, 120_000);

  it("is not there without a dashboard", async () => {
    const output = await outputOf([main], { DASHBOARD: "off" }, /npx annals list/);
    expect(output).not.toContain("#token=");
  }, 120_000);

  it("is in the demo's introduction", async () => {
    const demo = [fileURLToPath(new URL("../../src/cli/main.ts", import.meta.url)), "demo"];
    const output = await outputOf(demo, {}, /npx annals list --team/);
    expect(decodeJwt(tokenIn(linkIn(output)))).toMatchObject({ role: "platform_admin" });
  }, 120_000);
});
