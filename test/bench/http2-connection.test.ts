import { once } from "node:events";
import { createServer, type ServerHttp2Stream } from "node:http2";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, expect, test } from "vitest";
import { Http2Connection } from "../../bench/load/http2-connection.ts";
import { type Protocol, procedure } from "../../bench/load/procedure.ts";

const message = Buffer.concat([Buffer.of(0, 0, 0, 0, 20), Buffer.alloc(20)]);

/** What a server may answer, by path; the last is what the load generator is to count. */
const answers: Readonly<Record<string, (stream: ServerHttp2Stream, body: Buffer) => void>> = {
  size: (stream, body) => {
    stream.respond({ ":status": 200 });
    stream.end(String(body.length));
  },
  large: (stream) => {
    stream.respond({ ":status": 200 });
    stream.end(Buffer.alloc(3_000_000));
  },
  busy: (stream) => {
    stream.respond({ ":status": 429 });
    stream.end("busy");
  },
  nothing: (stream) => stream.respond({ ":status": 200 }, { endStream: true }),
  reset: (stream) => stream.close(8),
  refused: (stream) => stream.respond({ ":status": 200, "grpc-status": "16" }, { endStream: true }),
  good: (stream) => respondWith(stream, { "grpc-status": "0" }),
  failed: (stream) => respondWith(stream, { "grpc-status": "13", "x-why": "y".repeat(30_000) }),
  untold: (stream) => {
    stream.respond({ ":status": 200 });
    stream.end(message);
  },
};

function respondWith(stream: ServerHttp2Stream, trailers: Record<string, string>): void {
  stream.respond({ ":status": 200 }, { waitForTrailers: true });
  stream.once("wantTrailers", () => stream.sendTrailers(trailers));
  stream.end(message);
}

// Windows smaller than the requests.
const server = createServer({ settings: { initialWindowSize: 20_000 } });
let connection: Http2Connection;
let url: string;

beforeAll(async () => {
  server.on("stream", (stream: ServerHttp2Stream, headers) => {
    const chunks: Buffer[] = [];
    stream.on("error", () => undefined);
    stream.on("data", (chunk: Buffer) => chunks.push(chunk));
    stream.once("end", () => {
      const authorised = headers.authorization === "Bearer token";
      const path = authorised ? String(headers[":path"]).slice(1) : "busy";
      answers[path]?.(stream, Buffer.concat(chunks));
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  connection = await Http2Connection.open(url, { keepBodies: true });
});

afterAll(async () => {
  await connection.close();
  server.close();
});

function call(path: string, protocol: Protocol, bytes = 10): Promise<(string | undefined)[]> {
  return new Promise((resolve) =>
    connection.unary(
      procedure(url, path, { protocol, token: "token" }),
      Buffer.alloc(bytes),
      (problem, body) => resolve([problem, body?.toString("latin1")]),
    ),
  );
}

test("the load generator's HTTP/2 waits for windows, with many calls at a time", async () => {
  const calls = Array.from({ length: 50 }, () => call("size", "connect", 100_000));
  expect(await Promise.all(calls)).toEqual(calls.map(() => [undefined, "100000"]));
  const [problem, body] = await call("large", "connect");
  expect([problem, body?.length]).toEqual([undefined, 3_000_000]);
});

test.each([
  ["busy", "connect", "status 429 busy"],
  ["nothing", "connect", "an answer without a message"],
  ["reset", "connect", "the stream was reset (8)"],
  ["good", "grpc", undefined],
  ["refused", "grpc", "grpc-status 16"],
  ["failed", "grpc", "grpc-status 13"],
  ["untold", "grpc", "grpc-status undefined"],
] as const)("of an answer `%s` by %s it says: %s", async (path, protocol, expected) => {
  expect((await call(path, protocol))[0]).toBe(expected);
});

test("the load generator's HTTP/2 has no more streams open than the server takes", async () => {
  let open = 0;
  let most = 0;
  const strict = createServer({ settings: { maxConcurrentStreams: 10 } });
  strict.on("stream", (stream: ServerHttp2Stream) => {
    most = Math.max(most, ++open);
    stream.once("close", () => {
      open -= 1;
    });
    stream.resume().once("end", () => {
      stream.respond({ ":status": 200 });
      stream.end("done");
    });
  });
  strict.listen(0, "127.0.0.1");
  await once(strict, "listening");
  const { port } = strict.address() as AddressInfo;
  const origin = `http://127.0.0.1:${port}`;
  const limited = await Http2Connection.open(origin);
  try {
    const target = procedure(origin, "size", { protocol: "connect", token: "token" });
    const call = () => new Promise((resolve) => limited.unary(target, Buffer.alloc(100), resolve));
    // The first one has heard of the limit when it is answered.
    expect(await call()).toBeUndefined();
    const problems = await Promise.all(Array.from({ length: 500 }, call));
    expect(problems.filter((problem) => problem !== undefined)).toEqual([]);
    expect(most).toBe(10);
  } finally {
    await limited.close();
    strict.close();
  }
});
