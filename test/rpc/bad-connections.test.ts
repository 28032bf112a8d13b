import { once } from "node:events";
import http2 from "node:http2";
import net from "node:net";
import { gzipSync } from "node:zlib";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { newId, startTestServer, type TestServer } from "../support/server.ts";

const MiB = 1024 * 1024;
const service = "/audit.v1.AuditService";

const secret = "a secret that both servers of this file share";
const cleanup = new AsyncDisposableStack();
let server: TestServer;
let address: { host: string; port: number };
let teamId: string;
let token: string;

beforeAll(async () => {
  server = cleanup.use(await startTestServer({ secret, overrides: { stallMs: 400, bodyMs: 400 } }));
  const { hostname, port } = new URL(server.url);
  address = { host: hostname, port: Number(port) };
});
afterAll(() => cleanup.disposeAsync());
beforeEach(async () => {
  teamId = newId("team");
  token = await server.jwt({ role: "service", teamId, grants: ["read"] });
});

const metrics = async () => (await fetch(`${server.url}/metrics`)).text();
const openStreams = async () => Number(/^\w*open_streams (\d+)/m.exec(await metrics())?.[1]);
const endedStreams = async () => {
  const counts = (await metrics()).matchAll(/^\w*calls_total\{method="[\w.]+\/Stream".*\} (\d+)/gm);
  return [...counts].reduce((sum, [, count]) => sum + Number(count), 0);
};
/** The server answers, and what the test has opened is released. */
const isWell = async () => {
  const { audit } = server.clients(token);
  expect((await audit.record({ entry: { action: "well" } })).entry?.action).toBe("well");
  await expect.poll(openStreams, { timeout: 5_000 }).toBe(0);
};

interface Answer {
  readonly headers: http2.IncomingHttpHeaders;
  readonly body: string;
  readonly rst: number;
}

/** Unlike `once`, it does not mind an error before. */
function closed(stream: http2.ClientHttp2Stream): Promise<void> {
  return new Promise((resolve) => stream.once("close", resolve));
}

/** What comes back on an HTTP/2 stream, until it ends. */
async function answerOf(stream: http2.ClientHttp2Stream): Promise<Answer> {
  const headers: http2.IncomingHttpHeaders = {};
  let body = "";
  stream.on("response", (received) => Object.assign(headers, received));
  stream.on("trailers", (received) => Object.assign(headers, received));
  stream.on("data", (chunk: Buffer) => {
    body += chunk.toString();
  });
  stream.on("error", () => undefined);
  await closed(stream);
  return { headers, body, rst: stream.rstCode ?? 0 };
}

function connect(url = server.url): http2.ClientHttp2Session & AsyncDisposable {
  const session = http2.connect(url);
  session.on("error", () => undefined);
  return Object.assign(session, {
    [Symbol.asyncDispose]: async () => {
      if (!session.destroyed) session.destroy();
    },
  });
}

const post = (method: string, type: string) => ({
  ":method": "POST",
  ":path": `${service}/${method}`,
  "content-type": type,
  te: "trailers",
  authorization: `Bearer ${token}`,
});

describe("a message that claims or becomes too much", () => {
  test.each(["application/grpc", "application/grpc-web+proto", "application/connect+proto"])(
    "a frame of 4 GiB over %s is refused before it comes",
    async (type) => {
      await using session = connect();
      const stream = session.request(post(type.includes("connect") ? "Stream" : "Record", type));
      stream.write(Buffer.from([0, 0xff, 0xff, 0xff, 0xff]));
      stream.write(Buffer.alloc(100_000));
      const { headers, body } = await answerOf(stream);
      const said = `${headers["grpc-status"]} ${headers["grpc-message"]} ${body}`;
      expect(said).toMatch(/8 message%20size|grpc-status: 8|"resource_exhausted"/);
      await isWell();
    },
  );

  test("a Connect body that is announced as 5 GB is refused before it comes", async () => {
    await using session = connect();
    const stream = session.request({
      ...post("Record", "application/proto"),
      "content-length": 5_000_000_000,
    });
    stream.write(Buffer.alloc(1_000));
    const { body } = await answerOf(stream);
    expect(JSON.parse(body)).toMatchObject({
      code: "resource_exhausted",
      details: [{ debug: { reason: "REQUEST_TOO_LARGE" } }],
    });
    await isWell();
  });

  test("a Connect body without length is read to the limit and no further", async () => {
    await using session = connect();
    const stream = session.request(post("Record", "application/json"));
    const answer = answerOf(stream);
    const end = closed(stream);
    const chunk = Buffer.alloc(256 * 1024, " ");
    for (let sent = 0; sent < 8 * MiB && !stream.closed; sent += chunk.length) {
      if (stream.write(chunk)) continue;
      await Promise.race([new Promise((resolve) => stream.once("drain", resolve)), end]);
    }
    expect(JSON.parse((await answer).body)).toMatchObject({ code: "resource_exhausted" });
    await isWell();
  });

  test("a message of unknown fields to a public service is refused before it is unpacked", async () => {
    // Field 100, wire type 0, value 0, over and over: 4 MiB that shrink to a few kilobytes.
    const bomb = gzipSync(Buffer.alloc(4 * MiB, Buffer.from([0xa0, 0x06, 0x00])));
    expect(bomb.length).toBeLessThan(16 * 1024);
    const answer = await fetch(`${server.url}/grpc.health.v1.Health/Check`, {
      method: "POST",
      headers: { "content-type": "application/proto", "content-encoding": "gzip" },
      body: bomb,
    });
    expect(await answer.json()).toMatchObject({ code: "resource_exhausted" });
    await isWell();
  });

  test("a message of unknown fields takes no more memory than its size", async () => {
    const fields = Buffer.alloc(3 * MiB, Buffer.from([0xa0, 0x06, 0x00]));
    const before = process.memoryUsage().rss;
    for (let i = 0; i < 5; i++) {
      const answer = await fetch(`${server.url}${service}/Record`, {
        method: "POST",
        headers: { "content-type": "application/proto", authorization: `Bearer ${token}` },
        body: fields,
      });
      expect(await answer.json()).toMatchObject({ code: "invalid_argument" });
    }
    expect(process.memoryUsage().rss - before).toBeLessThan(200 * MiB);
    await isWell();
  });

  test("gzip bombs are cut off, many at once, and take little memory", async () => {
    const bomb = gzipSync(Buffer.alloc(200 * MiB, " "));
    expect(bomb.length).toBeLessThan(MiB);
    const before = process.memoryUsage().rss;
    const frame = Buffer.alloc(5);
    frame[0] = 1;
    frame.writeUInt32BE(bomb.length, 1);
    // Unpacking this much may take longer than the other server gives a body.
    const database = { url: server.databaseUrl };
    await using patient = await startTestServer({ secret, database });
    await using session = connect(patient.url);
    const connectAnswers = Array.from({ length: 10 }, () => {
      const type = post("Record", "application/json");
      const stream = session.request({ ...type, "content-encoding": "gzip" });
      stream.end(bomb);
      return answerOf(stream);
    });
    const grpcAnswers = Array.from({ length: 10 }, () => {
      const type = post("Record", "application/grpc");
      const stream = session.request({ ...type, "grpc-encoding": "gzip" });
      stream.end(Buffer.concat([frame, bomb]));
      return answerOf(stream);
    });
    for (const { body } of await Promise.all(connectAnswers)) {
      expect(JSON.parse(body)).toMatchObject({
        code: "resource_exhausted",
        details: [{ debug: { reason: "REQUEST_TOO_LARGE" } }],
      });
    }
    for (const { headers } of await Promise.all(grpcAnswers)) {
      expect(headers["grpc-status"]).toBe("8");
    }
    expect(process.memoryUsage().rss - before).toBeLessThan(400 * MiB);
    await isWell();
  });

  test.each([
    ["no gzip at all", Buffer.from("not gzip")],
    ["gzip cut short", gzipSync('{"entry":{"action":"create"}}').subarray(0, 20)],
  ])("%s is malformed", async (_, body) => {
    const response = await fetch(`${server.url}${service}/Record`, {
      method: "POST",
      headers: {
        "content-type": "application/json",
        "content-encoding": "gzip",
        authorization: `Bearer ${token}`,
      },
      body: new Uint8Array(body),
    });
    expect(await response.json()).toMatchObject({
      code: "invalid_argument",
      details: [{ debug: { reason: "REQUEST_MALFORMED" } }],
    });
  });

  test("a stranger's body is not read", async () => {
    await using session = connect();
    const { authorization: _, ...headers } = post("Record", "application/proto");
    const stream = session.request({ ...headers, "content-length": 4_000_000 });
    const { body } = await answerOf(stream);
    expect(JSON.parse(body)).toMatchObject({
      code: "unauthenticated",
      details: [{ debug: { reason: "CREDENTIAL_MISSING" } }],
    });
  });
});

describe("headers beyond measure", () => {
  test("10,000 over HTTP/1.1 are refused", async () => {
    const socket = net.connect(address);
    const headers = Array.from({ length: 10_000 }, (_, i) => `x-header-${i}: ${i}`).join("\r\n");
    socket.write(`POST ${service}/Record HTTP/1.1\r\nhost: x\r\n${headers}\r\n\r\n`);
    const [answer] = (await once(socket, "data")) as [Buffer];
    expect(answer.toString()).toMatch(/^HTTP\/1\.1 431 /);
    socket.destroy();
    await isWell();
  });

  test("10,000 over HTTP/2 are refused", async () => {
    await using session = connect();
    const many = Object.fromEntries(
      Array.from({ length: 10_000 }, (_, i) => [`x-header-${i}`, String(i)]),
    );
    const stream = session.request({ ...post("Record", "application/json"), ...many });
    stream.end("{}");
    const { headers, rst } = await answerOf(stream);
    expect(headers[":status"]).toBeUndefined();
    expect(rst).not.toBe(http2.constants.NGHTTP2_NO_ERROR);
    await isWell();
  });
});

test.each(["text/plain", "application/xml", "application/grpc+thrift", ""])(
  "the content type %j is not supported",
  async (type) => {
    const response = await fetch(`${server.url}${service}/Record`, {
      method: "POST",
      headers: { "content-type": type, authorization: `Bearer ${token}` },
      body: "{}",
    });
    expect(response.status).toBe(415);
  },
);

describe("a client that hangs", () => {
  test("in the middle of its body over HTTP/2 is cancelled", async () => {
    await using session = connect();
    const unary = session.request(post("Record", "application/json"));
    unary.write('{"entry":');
    const grpc = session.request(post("Stream", "application/grpc"));
    grpc.write(Buffer.from([0, 0, 0]));
    for (const answer of await Promise.all([answerOf(unary), answerOf(grpc)])) {
      expect(answer.rst).toBe(http2.constants.NGHTTP2_CANCEL);
    }
    await isWell();
  });

  test("in the middle of its body over HTTP/1.1 is cut off", async () => {
    const socket = net.connect(address);
    socket.on("error", () => undefined);
    socket.resume();
    socket.write(
      `POST ${service}/Record HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${token}\r\n` +
        "content-type: application/json\r\ncontent-length: 100\r\n\r\n{",
    );
    await once(socket, "close");
    await isWell();
  });
});

describe("a client that never reads its stream", () => {
  const fill = async () => {
    const { audit } = server.clients(token);
    const entry = { action: "create", metadata: { text: "x".repeat(30_000) } };
    for (let i = 0; i < 10; i++) {
      await audit.recordBatch({ entries: Array.from({ length: 100 }, () => entry) });
    }
  };
  const request = Buffer.from([0, 0, 0, 0, 2, 0x2a, 0]); // StreamRequest { beginning {} }

  test("is cut off after a while, and cost little memory", async () => {
    await fill();
    const ended = await endedStreams();
    const before = process.memoryUsage().rss;
    const sessions = Array.from({ length: 20 }, () => connect());
    try {
      const streams = sessions.map((session) => {
        const stream = session.request(post("Stream", "application/grpc"));
        stream.on("error", () => undefined);
        stream.end(request);
        stream.pause();
        return stream;
      });
      await Promise.all(streams.map((stream) => once(stream, "response")));
      await expect.poll(endedStreams, { timeout: 10_000 }).toBe(ended + 20);
      expect(process.memoryUsage().rss - before).toBeLessThan(300 * MiB);
    } finally {
      for (const session of sessions) session.destroy();
    }
    await isWell();
  });

  test("over HTTP/1.1 is cut off too", async () => {
    await fill();
    const ended = await endedStreams();
    const socket = net.connect(address);
    socket.on("error", () => undefined);
    socket.pause();
    socket.write(
      `POST ${service}/Stream HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${token}\r\n` +
        `content-type: application/connect+proto\r\ncontent-length: ${request.length}\r\n\r\n`,
    );
    socket.write(request);
    await expect.poll(endedStreams, { timeout: 10_000 }).toBe(ended + 1);
    socket.destroy();
    await isWell();
  });
});

describe("a client that disconnects", () => {
  const body = () => JSON.stringify({ entry: { action: "create" } });

  test("at every byte of a call over HTTP/1.1", async () => {
    const request =
      `POST ${service}/Record HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${token}\r\n` +
      `content-type: application/json\r\ncontent-length: ${body().length}\r\n\r\n${body()}`;
    for (let length = 1; length <= request.length; length += 7) {
      const socket = net.connect(address);
      socket.on("error", () => undefined);
      socket.write(request.slice(0, length), () => socket.destroy());
      await once(socket, "close");
    }
    await isWell();
  });

  test("with calls and streams in flight over HTTP/2, again and again", async () => {
    const stream = Buffer.from([0, 0, 0, 0, 2, 0x2a, 0]);
    for (let round = 0; round < 20; round++) {
      const session = connect();
      for (let i = 0; i < 10; i++) {
        const call = session.request(post("Record", "application/json"));
        call.on("error", () => undefined);
        call.end(body());
        const following = session.request(post("Stream", "application/grpc"));
        following.on("error", () => undefined);
        following.end(stream);
      }
      // Some rounds end before anything was sent, some in the middle.
      if (round % 3 !== 0) await once(session, "remoteSettings");
      for (let turn = 0; turn < round; turn++)
        await new Promise((resolve) => setImmediate(resolve));
      session.destroy();
    }
    await isWell();
    const { audit } = server.clients(token);
    const { entries } = await audit.list({ pageSize: 200 });
    const sequences = entries.map(({ sequence }) => Number(sequence)).toReversed();
    expect(sequences).toEqual(sequences.map((_, i) => i + (sequences[0] ?? 1)));
  });
});

test("a client that resets its streams for whatever it takes for an error is counted as cancelled", async () => {
  const cancelled = async () => {
    const calls = (await metrics()).matchAll(/\/(\w+)",code="canceled"\} (\d+)/g);
    return Object.fromEntries([...calls].map(([, method, count]) => [method, Number(count)]));
  };
  const { Record: records = 0, Stream: streams = 0 } = await cancelled();
  await using session = connect();
  // With CANCEL a body ends as if it were whole.
  const codes = [1, 2, 3, 4, 5, 6, 7, 9, 10, 11, 12, 13];
  for (const code of codes) {
    const half = session.request(post("Record", "application/json"));
    half.write('{"entry":');
    const following = session.request(post("Stream", "application/grpc"));
    following.end(Buffer.from([0, 0, 0, 0, 0]));
    await once(following, "response");
    for (const stream of [half, following]) {
      stream.on("error", () => undefined);
      stream.close(code);
    }
  }
  const expected = { Record: records + codes.length, Stream: streams + codes.length };
  await expect.poll(cancelled).toMatchObject(expected);
  await isWell();
});

test("nothing of all this was unforeseen", () => {
  const errors = server.logs.filter((line) => ["error", "fatal"].includes(levelOf(line)));
  expect(errors).toEqual([]);
});

function levelOf(line: string): string {
  const { level } = JSON.parse(line) as { level: number };
  return level >= 60 ? "fatal" : level >= 50 ? "error" : "other";
}
