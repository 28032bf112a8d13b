import { randomBytes } from "node:crypto";
import { once } from "node:events";
import http2 from "node:http2";
import { fileURLToPath } from "node:url";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { gzipSync } from "node:zlib";
import { fromJson, type JsonValue, toBinary } from "@bufbuild/protobuf";
import fc from "fast-check";
import pg from "pg";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import {
  RecordBatchRequestSchema,
  RecordRequestSchema,
} from "../../gen/audit/v1/audit_service_pb.ts";
import { createCheckpoints } from "../support/checkpoints.ts";
import { newId, startTestServer, type TestServer } from "../support/server.ts";
import { callRaw, type RawAnswer, type RawCall } from "./raw-call.ts";
import { connectHttp2, connectRaw } from "./serving.ts";

/** A server, with the lane or without, and what is the server's own. */
interface Side {
  readonly server: TestServer;
  readonly session: http2.ClientHttp2Session;
  readonly keys: { readonly kept: string; readonly revoked: string };
}

const cleanup = new AsyncDisposableStack();
const secret = randomBytes(24).toString("hex");
const teamId = newId("team");
const otherTeam = newId("team");
const fixedId = "log-0190a7c4-8d2e-7c3a-9f10-2b6f0e4d5a61";
let on: Side;
let off: Side;
let token: string;
let member: string;
let expired: string;

async function openSide(lane: "on" | "off"): Promise<Side> {
  const checkpoints = cleanup.use(await createCheckpoints());
  const server = cleanup.use(
    await startTestServer({
      secret,
      env: { FAST_LANE: lane, ...checkpoints.env },
      overrides: { bodyMs: 600, stallMs: 400 },
    }),
  );
  const session = await connectHttp2(server.url);
  cleanup.defer(() => session.destroy());
  const { keys } = server.clients(token);
  const kept = await keys.createApiKey({ teamId, name: "kept" });
  const revoked = await keys.createApiKey({ teamId, name: "revoked" });
  await keys.revokeApiKey({ teamId, id: revoked.apiKey?.id ?? "" });
  return { server, session, keys: { kept: kept.secret, revoked: revoked.secret } };
}

beforeAll(async () => {
  const minting = await startTestServer({ secret });
  token = await minting.jwt({ role: "platform_admin" });
  member = await minting.jwt({ role: "member", teamId });
  expired = await minting.jwt({ role: "member", teamId, expiresIn: -10 });
  await minting.close();
  on = await openSide("on");
  off = await openSide("off");
  // The lane is for those who have been let in before.
  for (const credential of [token, member]) {
    await both(() => ({ headers: { ...json, authorization: `Bearer ${credential}` } }));
  }
  await both(({ keys }) => ({ headers: { ...json, "x-api-key": keys.kept } }));
});
afterAll(() => cleanup.disposeAsync());

const json = { "content-type": "application/json" };
const proto = { "content-type": "application/proto" };
const grpc = { "content-type": "application/grpc+proto", te: "trailers" };

const entry = {
  teamId,
  action: "snapshot.create",
  resource: { type: "snapshot", id: "nightly", name: "Nightly" },
  metadata: { size: 12.5, tags: ["a", null, { b: "é" }] },
  context: { ipAddress: "10.1.2.3", requestId: "req-9" },
  occurTime: "2026-01-02T03:04:05.678Z",
};

const jsonBytes = (message: unknown) => Buffer.from(JSON.stringify(message));
const binary = (message: JsonValue) =>
  toBinary(RecordRequestSchema, fromJson(RecordRequestSchema, message));
const binaryBatch = (message: JsonValue) =>
  toBinary(RecordBatchRequestSchema, fromJson(RecordBatchRequestSchema, message));
function enveloped(message: Uint8Array, flags = 0, length = message.length): Buffer {
  const prefix = Buffer.alloc(5);
  prefix[0] = flags;
  prefix.writeUInt32BE(length, 1);
  return Buffer.concat([prefix, message]);
}

/** A call with the platform admin's token unless it has a credential of its own. */
type MakeCall = (side: Side) => RawCall;

async function fastCalls({ server }: Side): Promise<number> {
  const metrics = await (await fetch(`${server.url}/metrics`)).text();
  return Number(/^annals_fast_lane_calls_total (\d+)$/m.exec(metrics)?.[1] ?? Number.NaN);
}

/** Makes a call to both servers; they must answer the same. Tells how, and whether the lane did. */
async function both(make: MakeCall): Promise<RawAnswer> {
  const call = async (side: Side) => {
    const made = make(side);
    const own = "authorization" in made.headers || "x-api-key" in made.headers;
    const headers = own ? made.headers : { ...made.headers, authorization: `Bearer ${token}` };
    return callRaw(side.session, { ...made, headers });
  };
  const [fast, plain] = await Promise.all([call(on), call(off)]);
  expect(fast).toEqual(plain);
  return fast;
}

const succeed: Record<string, MakeCall> = {
  JSON: () => ({ headers: json, body: [jsonBytes({ entry })] }),
  binary: () => ({ headers: proto, body: [binary({ entry })] }),
  gRPC: () => ({ headers: grpc, body: [enveloped(binary({ entry }))] }),
  "gRPC without a codec": () => ({
    headers: { "content-type": "application/grpc" },
    body: [enveloped(binary({ entry }))],
  }),
  "an API key": ({ keys }) => ({
    headers: { ...proto, "x-api-key": keys.kept },
    body: [binary({ entry })],
  }),
  "an API key as bearer token": ({ keys }) => ({
    headers: { ...grpc, authorization: `bearer   ${keys.kept}` },
    body: [enveloped(binary({ entry }))],
  }),
  "a member": () => ({
    headers: { ...json, authorization: `Bearer ${member}` },
    body: [jsonBytes({ entry: { action: "create" } })],
  }),
  "a request id": () => ({
    headers: { ...json, "x-request-id": "req-1" },
    body: [jsonBytes({ entry })],
  }),
  "a request id that is none": () => ({
    headers: { ...json, "x-request-id": "é" },
    body: [jsonBytes({ entry })],
  }),
  "a time-out": () => ({
    headers: { ...json, "connect-timeout-ms": "20000" },
    body: [jsonBytes({ entry })],
  }),
  "a gRPC time-out": () => ({
    headers: { ...grpc, "grpc-timeout": "20S" },
    body: [enveloped(binary({ entry }))],
  }),
  identity: () => ({
    headers: { ...json, "content-encoding": "identity" },
    body: [jsonBytes({ entry })],
  }),
  "answers that may be compressed and are small": () => ({
    headers: { ...grpc, "grpc-accept-encoding": "identity, gzip" },
    body: [enveloped(binary({ entry: { teamId, action: "create" } }))],
  }),
  "large answers, compressed": () => ({
    headers: { ...json, "accept-encoding": "br, gzip" },
    body: [jsonBytes({ entry: { ...entry, metadata: { text: "x".repeat(3_000) } } })],
  }),
  "large gRPC answers, compressed": () => ({
    headers: { ...grpc, "grpc-accept-encoding": "gzip" },
    body: [enveloped(binary({ entry: { ...entry, metadata: { text: "x".repeat(3_000) } } }))],
  }),
  "a body in pieces": () => {
    const bytes = enveloped(binary({ entry }));
    return {
      headers: grpc,
      body: [bytes.subarray(0, 9), 5, bytes.subarray(9, 30), 5, bytes.subarray(30)],
    };
  },
  "a body that ends late": () => ({
    headers: json,
    body: [jsonBytes({ entry }), 50, Buffer.alloc(0)],
  }),
  "trailers of the client": () => ({
    headers: proto,
    body: [binary({ entry })],
    trailers: { "x-more": "1" },
  }),
  "a byte order mark": () => ({
    headers: json,
    body: [Buffer.from(`\uFEFF${JSON.stringify({ entry })}`)],
  }),
  "an id": () => ({ headers: json, body: [jsonBytes({ entry: { ...entry, id: fixedId } })] }),
  "the same again": () => ({
    headers: proto,
    body: [binary({ entry: { ...entry, id: fixedId } })],
  }),
  "fields in an unusual order": () => ({
    headers: proto,
    body: [
      Buffer.concat([Buffer.from([0x10, 0]), binary({ entry }), Buffer.from([0x98, 0x06, 1])]),
    ],
  }),
  "a proof": () => ({ headers: proto, body: [binary({ entry, withProof: true })] }),
  "a proof in JSON": () => ({ headers: json, body: [jsonBytes({ entry, withProof: true })] }),
  "a batch": () => ({
    method: "RecordBatch",
    headers: grpc,
    body: [enveloped(binaryBatch({ entries: [entry, { ...entry, action: "B A D" }, entry] }))],
  }),
  "a batch in JSON": () => ({
    method: "RecordBatch",
    headers: json,
    body: [jsonBytes({ entries: [{ ...entry, id: fixedId, action: "update" }, entry] })],
  }),
  "an acknowledged batch": () => ({
    method: "RecordBatch",
    headers: proto,
    body: [binaryBatch({ entries: [entry, entry], acknowledgeOnly: true })],
  }),
  "a batch with one id twice": () => ({
    method: "RecordBatch",
    headers: proto,
    body: [
      binaryBatch({
        entries: [entry, entry].map((one) => ({ ...one, id: `${fixedId.slice(0, -1)}2` })),
      }),
    ],
  }),
};

/** Is the lane's until the router has to say what is wrong, or never is. */
const others: Record<string, MakeCall> = {
  "no credential": () => ({
    headers: { ...json, authorization: undefined },
    body: [jsonBytes({ entry })],
  }),
  "no bearer": () => ({
    headers: { ...json, authorization: "Basic eA==" },
    body: [jsonBytes({ entry })],
  }),
  "a malformed token": () => ({
    headers: { ...grpc, authorization: "Bearer x" },
    body: [enveloped(binary({ entry }))],
  }),
  "an expired token": () => ({
    headers: { ...json, authorization: `Bearer ${expired}` },
    body: [jsonBytes({ entry })],
  }),
  "a revoked key": ({ keys }) => ({
    headers: { ...json, "x-api-key": keys.revoked },
    body: [jsonBytes({ entry })],
  }),
  "an unknown key": () => ({
    headers: { ...json, "x-api-key": `annals_${"x".repeat(43)}` },
    body: [jsonBytes({ entry })],
  }),
  "two credentials": ({ keys }) => ({
    headers: { ...json, authorization: `Bearer ${token}`, "x-api-key": keys.kept },
    body: [jsonBytes({ entry })],
  }),
  "another team": () => ({
    headers: { ...proto, authorization: `Bearer ${member}` },
    body: [binary({ entry: { ...entry, teamId: otherTeam } })],
  }),
  "a team that is none": () => ({
    headers: json,
    body: [jsonBytes({ entry: { ...entry, teamId: "team-x" } })],
  }),
  "an actor who is another": () => ({
    headers: { ...grpc, authorization: `Bearer ${member}` },
    body: [
      enveloped(binary({ entry: { ...entry, actor: { type: "ACTOR_TYPE_SERVICE", id: "x" } } })),
    ],
  }),
  "invalid fields": () => ({
    headers: grpc,
    body: [enveloped(binary({ entry: { ...entry, action: "B A D", resource: { type: "é" } } }))],
  }),
  "invalid fields in a body of a stated length": () => {
    const body = binary({ entry: { ...entry, action: "B A D" } });
    return { headers: { ...proto, "content-length": `${body.length}` }, body: [body] };
  },
  "other content under an id": () => ({
    headers: json,
    body: [jsonBytes({ entry: { ...entry, id: fixedId, action: "update" } })],
  }),
  "an empty body": () => ({ headers: proto }),
  "an empty body of JSON": () => ({ headers: json }),
  "an empty body of gRPC": () => ({ headers: grpc }),
  "an empty message of gRPC": () => ({ headers: grpc, body: [enveloped(Buffer.alloc(0))] }),
  "a truncated message": () => ({ headers: proto, body: [binary({ entry }).subarray(0, -3)] }),
  "truncated JSON": () => ({ headers: json, body: [jsonBytes({ entry }).subarray(0, -3)] }),
  "a truncated envelope": () => ({
    headers: grpc,
    body: [enveloped(binary({ entry })).subarray(0, -3)],
  }),
  "half an envelope's prefix": () => ({ headers: grpc, body: [Buffer.alloc(3)] }),
  "a prefix in two pieces": () => {
    const bytes = enveloped(binary({ entry }));
    return { headers: grpc, body: [bytes.subarray(0, 2), 10, bytes.subarray(2)] };
  },
  "two messages": () => ({
    headers: grpc,
    body: [enveloped(binary({ entry })), enveloped(binary({ entry }))],
  }),
  "bytes behind a message": () => ({
    headers: grpc,
    body: [enveloped(binary({ entry })), Buffer.alloc(2)],
  }),
  garbage: () => ({ headers: proto, body: [Buffer.from("garbage")] }),
  "a gRPC flag": () => ({ headers: grpc, body: [enveloped(binary({ entry }), 1)] }),
  "another gRPC flag": () => ({ headers: grpc, body: [enveloped(binary({ entry }), 128)] }),
  "an envelope that is too large": () => ({
    headers: grpc,
    body: [enveloped(binary({ entry }), 0, 5 << 20), 50],
  }),
  "a body that is too large": () => ({ headers: proto, body: [Buffer.alloc((4 << 20) + 1, 10)] }),
  "a length that is too large": () => ({
    headers: { ...proto, "content-length": `${5 << 20}` },
    body: ["reset"],
  }),
  gzip: () => ({
    headers: { ...json, "content-encoding": "gzip" },
    body: [gzipSync(jsonBytes({ entry }))],
  }),
  "gzip of gRPC": () => ({
    headers: { ...grpc, "grpc-encoding": "gzip" },
    body: [enveloped(gzipSync(binary({ entry })), 1)],
  }),
  "an unknown compression": () => ({
    headers: { ...json, "content-encoding": "zstd" },
    body: [jsonBytes({ entry })],
  }),
  "a content type with a charset": () => ({
    headers: { "content-type": "application/json; charset=utf-8" },
    body: [jsonBytes({ entry })],
  }),
  "a content type in capitals": () => ({
    headers: { "content-type": "Application/JSON" },
    body: [jsonBytes({ entry })],
  }),
  "an unknown content type": () => ({
    headers: { "content-type": "text/plain" },
    body: [jsonBytes({ entry })],
  }),
  "gRPC in JSON": () => ({
    headers: { "content-type": "application/grpc+json" },
    body: [enveloped(jsonBytes({ entry }))],
  }),
  "gRPC-Web": () => ({
    headers: { "content-type": "application/grpc-web+proto" },
    body: [enveloped(binary({ entry }))],
  }),
  "a GET": () => ({ headers: { ...json, ":method": "GET" } }),
  "a query": () => ({
    headers: { ...json, ":path": "/audit.v1.AuditService/Record?x=1" },
    body: [jsonBytes({ entry })],
  }),
  "an origin": () => ({
    headers: { ...json, origin: "https://example.com" },
    body: [jsonBytes({ entry })],
  }),
  "an expectation": () => ({
    headers: { ...json, expect: "100-continue" },
    body: [jsonBytes({ entry })],
  }),
  "a malformed authority": () => ({
    headers: { ...json, ":authority": "1.2.3.4.5" },
    body: [jsonBytes({ entry })],
  }),
  "a malformed time-out": () => ({
    headers: { ...json, "connect-timeout-ms": "1s" },
    body: [jsonBytes({ entry })],
  }),
  "a time-out of nothing": () => ({
    headers: { ...json, "connect-timeout-ms": "0" },
    body: [jsonBytes({ entry })],
  }),
  "a huge time-out": () => ({
    headers: { ...json, "connect-timeout-ms": "99999999999" },
    body: [jsonBytes({ entry })],
  }),
  "a time-out in the body": () => ({
    headers: { ...json, "connect-timeout-ms": "20" },
    body: [200, jsonBytes({ entry })],
  }),
  "a gRPC time-out in the body": () => ({
    headers: { ...grpc, "grpc-timeout": "20m" },
    body: [200, enveloped(binary({ entry }))],
  }),
  "a malformed gRPC time-out": () => ({
    headers: { ...grpc, "grpc-timeout": "20" },
    body: [enveloped(binary({ entry }))],
  }),
  "a gRPC time-out of nothing": () => ({
    headers: { ...grpc, "grpc-timeout": "0n" },
    body: [enveloped(binary({ entry }))],
  }),
  "an unknown field": () => ({
    headers: json,
    body: [jsonBytes({ entry: { ...entry, colour: "red" } })],
  }),
  "what is no UTF-8": () => ({
    headers: json,
    body: [Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x7d])],
  }),
  "an empty batch": () => ({ method: "RecordBatch", headers: proto }),
  "a batch of 501": () => ({
    method: "RecordBatch",
    headers: grpc,
    body: [enveloped(binaryBatch({ entries: Array.from({ length: 501 }, () => entry) }))],
  }),
  "a body that is reset": () => ({
    headers: json,
    body: [jsonBytes({ entry: { ...entry, teamId: otherTeam } }), "reset"],
  }),
  "a body that never ends": () => ({ headers: json, body: [jsonBytes({ entry })], open: true }),
};

describe("the fast lane answers, as the library does,", () => {
  test.each(Object.entries(succeed))("%s", async (_name, make) => {
    const before = await fastCalls(on);
    const { headers, end } = await both(make);
    expect(headers?.[":status"]).toBe(200);
    expect(end).toBe(http2.constants.NGHTTP2_NO_ERROR);
    expect(await fastCalls(on)).toBe(before + 1);
  });
});

describe("the fast lane leaves to the library", () => {
  test.each(Object.entries(others))("%s", async (_name, make) => {
    const before = await fastCalls(on);
    await both(make);
    expect(await fastCalls(on)).toBe(before);
  });
});

test("whatever is sent is answered as the library does", async () => {
  const sometimes = <T>(usually: T, otherwise: fc.Arbitrary<T>) =>
    fc.oneof({ weight: 3, arbitrary: fc.constant(usually) }, otherwise);
  const bytes = fc.oneof(
    {
      weight: 4,
      arbitrary: fc.constantFrom(
        binary({ entry }),
        binaryBatch({ entries: [entry, { ...entry, action: "B A D" }] }),
      ),
    },
    fc.uint8Array({ maxLength: 60 }),
  );
  const call = fc
    .record({
      method: fc.constantFrom("Record" as const, "RecordBatch" as const),
      type: fc.constantFrom("application/proto", "application/grpc", "application/grpc+proto"),
      bytes,
      changed: sometimes([], fc.array(fc.tuple(fc.nat(200), fc.nat(255)), { maxLength: 3 })),
      cut: sometimes(0, fc.nat(40)),
      flags: sometimes(0, fc.nat(255)),
      pieces: fc.array(fc.nat(300), { maxLength: 2 }),
      headers: sometimes(
        {},
        fc.constantFrom<RawCall["headers"]>(
          ...["20000", "", "-1", "1e3"].map((value) => ({ "connect-timeout-ms": value })),
          ...["20S", "", "9999999999S", "1x"].map((value) => ({ "grpc-timeout": value })),
          ...["gzip", "", "br", "identity", "gzip;q=0"].flatMap((value) => [
            { "accept-encoding": value },
            { "grpc-accept-encoding": value },
            { "content-encoding": value },
            { "grpc-encoding": value },
          ]),
        ),
      ),
    })
    .map(({ method, type, bytes, changed, cut, flags, pieces, headers }): RawCall => {
      const message = Buffer.from(bytes);
      for (const [at, value] of changed) if (at < message.length) message[at] = value;
      const whole = type === "application/proto" ? message : enveloped(message, flags);
      const sent = whole.subarray(0, Math.max(0, whole.length - cut));
      const ends = [0, ...pieces.map((end) => Math.min(end, sent.length)), sent.length];
      ends.sort((a, b) => a - b);
      const body = ends.slice(1).map((end, index) => sent.subarray(ends[index], end));
      return { method, headers: { "content-type": type, ...headers }, body };
    });
  const before = await fastCalls(on);
  await fc.assert(
    fc.asyncProperty(call, async (made) => {
      await both(() => made);
    }),
    { numRuns: 300 },
  );
  // Else it has compared the library with itself.
  expect(await fastCalls(on)).toBeGreaterThan(before + 30);
});

/** Keeps a server from recording anything, until the session ends. */
async function holdHeads({ server }: Side): Promise<pg.Client> {
  const client = new pg.Client({ connectionString: server.databaseUrl });
  await client.connect();
  await client.query("BEGIN");
  await client.query("LOCK TABLE control_plane.audit_log_heads IN ACCESS EXCLUSIVE MODE");
  return client;
}

test("calls that the database keeps waiting end as the library ends them", async () => {
  const holders = await Promise.all([on, off].map(holdHeads));
  const one = { ...entry, teamId: otherTeam };
  // A server with the lane would have a call more.
  const brief = await off.server.jwt({ role: "platform_admin", expiresIn: 2 });
  const known = { ...json, authorization: `Bearer ${brief}` };
  await both(() => ({ headers: known }));
  const expiring = both(() => ({
    headers: { ...known, "connect-timeout-ms": "2000" },
    body: [jsonBytes({ entry: one })],
  }));
  try {
    const timedOut = await both(() => ({
      headers: { ...json, "connect-timeout-ms": "300" },
      body: [jsonBytes({ entry: one })],
    }));
    expect(timedOut.body).toMatchObject({ message: { code: "deadline_exceeded" } });
    await both(() => ({
      headers: { ...grpc, "grpc-timeout": "300m" },
      body: [enveloped(binary({ entry: one }))],
    }));
    await both(() => ({ headers: proto, body: [binary({ entry: one }), 100, "reset"] }));
    const bytes = binaryBatch({ entries: Array.from({ length: 500 }, () => one) });
    const call: RawCall = {
      method: "RecordBatch",
      headers: { ...proto, "connect-timeout-ms": "1500", authorization: `Bearer ${token}` },
      body: [bytes],
    };
    // Which of them finds room may differ.
    const [fast, plain] = await Promise.all(
      [on, off].map(async ({ session }) => {
        const answers = Array.from({ length: 6 }, async () =>
          JSON.stringify(await callRaw(session, call)),
        );
        return (await Promise.all(answers)).toSorted();
      }),
    );
    expect(fast).toEqual(plain);
    expect(fast?.join()).toContain("QUEUE_FULL");
    expect(fast?.join()).toContain("deadline_exceeded");
    // Whoever was let in stays in until the call ends.
    expect((await expiring).body).toMatchObject({ message: { code: "deadline_exceeded" } });
  } finally {
    for (const holder of holders) await holder.end();
  }
});

test("a client that does not read its answer is cut off", async () => {
  const answers = await Promise.all(
    [on, off].map(async ({ server }) => {
      const session = http2.connect(server.url, { settings: { initialWindowSize: 0 } });
      session.on("error", () => {});
      const headers = { ...json, authorization: `Bearer ${token}` };
      const answer = await callRaw(session, { headers, body: [jsonBytes({ entry })] });
      session.destroy();
      return answer;
    }),
  );
  expect(answers[0]).toEqual(answers[1]);
  expect(answers[0]?.end).toBe(http2.constants.NGHTTP2_CANCEL);
});

test("TLS makes no difference", async () => {
  const file = (name: string) => fileURLToPath(new URL(name, import.meta.url));
  await using server = await startTestServer({
    secret,
    env: { TLS_CERT_FILE: file("localhost-cert.pem"), TLS_KEY_FILE: file("localhost-key.pem") },
  });
  const session = http2.connect(server.url, { rejectUnauthorized: false });
  await once(session, "connect");
  const call = {
    headers: { ...json, authorization: `Bearer ${token}` },
    body: [jsonBytes({ entry })],
  };
  const answers = [await callRaw(session, call), await callRaw(session, call)];
  // The first is from a stranger, the second from somebody whom the server remembers.
  const [before, after] = answers.map(({ headers, trailers, end }) => ({ headers, trailers, end }));
  expect(after).toEqual(before);
  const metrics = session.request({ ":path": "/metrics" }).setEncoding("utf8");
  let text = "";
  for await (const chunk of metrics) text += chunk;
  expect(text).toMatch(/^annals_fast_lane_calls_total 1$/m);
  session.destroy();
});

test("both servers have counted and logged the same calls, each once", async () => {
  const ended = ({ server }: Side) =>
    server.logs
      .map((line) => JSON.parse(line))
      .filter(({ msg }) => msg === "call ended")
      .map(({ method, protocol, code, level }) => `${level} ${method} ${protocol} ${code}`)
      .toSorted();
  await expect.poll(() => ended(on)).toEqual(ended(off));
  expect(ended(on).length).toBeGreaterThan(300);
  expect(await fastCalls(off)).toBe(0);
});

setFlagsFromString("--expose-gc");
const collect: () => void = runInNewContext("gc");
function memoryBytes(): number {
  // Buffers that the first one finds are freed by another thread, for which the second one waits.
  collect();
  collect();
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return heapUsed + arrayBuffers;
}

const frame = (type: number, flags: number, stream: number, payload: string) =>
  String.fromCharCode(0, 0, payload.length, type, flags, 0, 0, 0, stream) + payload;

/** A connection that writes its frames itself, and what begins a POST on it. */
async function connectFrames({ server }: Side) {
  const { socket, received } = await connectRaw(Number(new URL(server.url).port));
  const send = (frames: string) => socket.write(frames, "latin1");
  send(`PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n${frame(4, 0, 0, "")}`);
  const text = (value: string) => String.fromCharCode(value.length) + value;
  const post = (stream: number, path: string, fields: Record<string, string>) => {
    const pseudo = {
      ":method": "POST",
      ":scheme": "http",
      ":authority": "localhost",
      ":path": path,
    };
    const all = Object.entries({ ...pseudo, ...fields });
    const block = all.map(([name, value]) => `\0${text(name)}${text(value)}`).join("");
    return frame(1, 4, stream, block);
  };
  return { socket, received, send, post };
}

test("a body costs little more than its bytes, however it is cut", async () => {
  const { socket, received, send, post } = await connectFrames(on);
  const before = memoryBytes();
  send(post(1, "/audit.v1.AuditService/Record", { ...json, "x-api-key": on.keys.kept }));
  send(frame(0, 0, 1, " ").repeat(100_000));
  send(frame(6, 0, 0, "all sent"));
  await expect.poll(received).toContain(frame(6, 1, 0, "all sent"));
  // Kept as they came, they would be 14 MB.
  expect(memoryBytes() - before).toBeLessThan(5_000_000);
  socket.destroy();
});

test("a stranger's body in the smallest pieces does not keep the server busy", async () => {
  const { socket, send, post } = await connectFrames(on);
  const methods = [
    "grpc.health.v1.Health/Check",
    "grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
  ];
  const ended = () =>
    on.server.logs
      .map((line) => JSON.parse(line))
      .filter(({ msg, method }) => msg?.endsWith(" ended") && methods.includes(method)).length;
  const before = process.cpuUsage();
  for (let i = 0; i < 4; i++) {
    const stream = 2 * i + 1;
    send(post(stream, `/${methods[i % 2]}`, { "content-type": "application/grpc" }));
    send(frame(0, 0, stream, "\0\0\0\x3e\x80"));
    send(frame(0, 0, stream, "\0").repeat(16_000));
    send(frame(0, 1, stream, ""));
  }
  await expect.poll(ended).toBe(4);
  const { user } = process.cpuUsage(before);
  // Gone through for each piece, what came before it would take 4 s.
  expect(user / 1e6).toBeLessThan(2);
  socket.destroy();
});

test("a body that has been decoded is not kept while the call waits", async () => {
  const holder = await holdHeads(on);
  try {
    const body = [
      Buffer.concat([
        jsonBytes({ entry: { ...entry, teamId: otherTeam } }),
        Buffer.alloc(1 << 19, " "),
      ]),
    ];
    const headers = { ...json, authorization: `Bearer ${token}` };
    const before = memoryBytes();
    const calls = Array.from({ length: 10 }, () => callRaw(on.session, { headers, body }));
    const metrics = async () => (await fetch(`${on.server.url}/metrics`)).text();
    await expect.poll(metrics).toMatch(/^annals_ingest_queue_entries 10$/m);
    expect(memoryBytes() - before).toBeLessThan(3_000_000);
    await holder.end();
    for (const { headers } of await Promise.all(calls)) expect(headers?.[":status"]).toBe(200);
  } finally {
    await holder.end();
  }
});

test("a call in flight is answered when the server shuts down", async () => {
  const answers = await Promise.all(
    [on, off].map(async ({ server, session }) => {
      const goaway = once(session, "goaway");
      const bytes = jsonBytes({ entry });
      const headers = { ...json, authorization: `Bearer ${token}` };
      const answer = callRaw(session, {
        headers,
        body: [bytes.subarray(0, 20), 200, bytes.subarray(20)],
      });
      // Its headers are there once an answer to what was sent after them is.
      await new Promise((resolve) => session.ping(resolve));
      const closed = server.running.close();
      await goaway;
      const received = await answer;
      await closed;
      return received;
    }),
  );
  expect(answers[0]).toEqual(answers[1]);
  expect(answers[0]?.headers).toMatchObject({ ":status": 200 });
});
