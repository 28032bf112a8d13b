import { once } from "node:events";
import http2 from "node:http2";
import { text } from "node:stream/consumers";
import { create, toBinary } from "@bufbuild/protobuf";
import { StructSchema } from "@bufbuild/protobuf/wkt";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { ListRequestSchema, RecordRequestSchema } from "../../gen/audit/v1/audit_service_pb.ts";
import { newId, startTestServer, type TestServer } from "../support/server.ts";

const cleanup = new AsyncDisposableStack();
let server: TestServer;
let session: http2.ClientHttp2Session;
let token: string;

beforeAll(async () => {
  server = cleanup.use(await startTestServer());
  session = http2.connect(server.url);
  cleanup.defer(() => session.destroy());
});
afterAll(() => cleanup.disposeAsync());
beforeEach(async () => {
  token = await server.jwt({ role: "service", teamId: newId("team"), grants: ["read"] });
});

interface Answer {
  status: number;
  code?: string;
  message?: string;
  reason?: string;
  fields?: string[];
}

/** Posts a body as it is over HTTP/2, and tells what comes back. */
async function exchange(method: string, body: string | Uint8Array, type: string) {
  const stream = session.request({
    ":method": "POST",
    ":path": `/audit.v1.AuditService/${method}`,
    "content-type": `application/${type}`,
    authorization: `Bearer ${token}`,
  });
  const [[headers], answer] = await Promise.all([
    once(stream, "response") as Promise<[http2.IncomingHttpHeaders]>,
    text(stream),
    stream.end(body),
  ]);
  return { status: Number(headers[":status"]), text: answer };
}

/** Posts a body as it is, and tells how it is answered. */
async function post(method: string, body: string | Uint8Array, type: string): Promise<Answer> {
  const answer = await exchange(method, body, type);
  if (answer.status === 200) return { status: answer.status };
  const { code, message, details } = JSON.parse(answer.text) as {
    code: string;
    message: string;
    details?: { type: string; debug: Record<string, unknown> }[];
  };
  const debug = (name: string) => details?.find(({ type }) => type === name)?.debug;
  const violations = debug("google.rpc.BadRequest")?.fieldViolations as { field: string }[];
  return {
    status: answer.status,
    code,
    message,
    reason: debug("google.rpc.ErrorInfo")?.reason as string,
    fields: violations?.map(({ field }) => field) ?? [],
  };
}

const json = (method: string, message: unknown) => post(method, JSON.stringify(message), "json");
const record = (entry: object) => json("Record", { entry: { action: "create", ...entry } });

const uuid = "0190a7c4-8d2e-7c3a-9f10-2b6f0e4d5a61";

describe.each([
  ["id", "log", (id: string) => ({ id })],
  ["team_id", "team", (teamId: string) => ({ teamId })],
  ["resource.id", "sb", (id: string) => ({ resource: { type: "sandbox", id } })],
  ["resource.id", "host", (id: string) => ({ resource: { type: "host", id } })],
  ["resource.id", "key", (id: string) => ({ resource: { type: "api_key", id } })],
  ["actor.id", "usr", (id: string) => ({ actor: { type: "ACTOR_TYPE_USER", id } })],
])("%s with the prefix %s", (field, prefix, entry) => {
  test.each([
    ["none", uuid],
    ["another's", `x${prefix}-${uuid}`],
    ["a registered one's", `${prefix === "team" ? "usr" : "team"}-${uuid}`],
    ["no UUID", `${prefix}-not-a-uuid`],
    ["upper case", `${prefix}-${uuid.toUpperCase()}`],
    ["an upper-case prefix", `${prefix.toUpperCase()}-${uuid}`],
    ["braces", `${prefix}-{${uuid}}`],
    ["no hyphens", `${prefix}-${uuid.replaceAll("-", "")}`],
    ["a space before", ` ${prefix}-${uuid}`],
    ["a space after", `${prefix}-${uuid} `],
    ["a line end", `${prefix}-${uuid}\n`],
    ["a urn", `${prefix}-urn:uuid:${uuid}`],
    ["more", `${prefix}-${uuid}0`],
    ["less", `${prefix}-${uuid.slice(1)}`],
    ["the prefix alone", `${prefix}-`],
    ["full-width digits", `${prefix}-${uuid.replaceAll("0", "０")}`],
  ])("is refused when malformed: %s", async (_, id) => {
    expect(await record(entry(id))).toMatchObject({
      code: "invalid_argument",
      reason: "INVALID_FIELD",
      fields: [`entry.${field}`],
    });
  });

  test("is taken when well-formed", async () => {
    expect(await record(entry(`${prefix}-${uuid}`))).toEqual({ status: 200 });
  });
});

test.each([
  "fe80::1%eth0",
  "10.0.0.0/8",
  "10.0.0",
  "10.0.0.256",
  "10.0.0.01",
  "localhost",
  " 10.0.0.1",
  "10.0.0.1 ",
  "::1::",
  "[::1]",
  "12345::",
  "10.0.0.1:80",
  "0x7f.1",
  "١.١.١.١",
  "::ffff:10.0.0.256",
])("the address %s is refused", async (ipAddress) => {
  expect(await record({ context: { ipAddress } })).toMatchObject({
    code: "invalid_argument",
    fields: ["entry.context.ip_address"],
  });
});

test.each([
  "",
  "Create",
  "create it",
  "create-it",
  "_create",
  "create_",
  "a__b",
  ".a",
  "a.",
  "a..b",
  "1a",
  "a._b",
  "créer",
  "create\n",
  "a.1b",
])("the action %j is refused", async (action) => {
  expect(await record({ action })).toMatchObject({
    code: "invalid_argument",
    fields: ["entry.action"],
  });
});

describe("times", () => {
  test.each([
    ["1969-12-31T23:59:59.999999Z", "1969-12-31T23:59:59.999Z"],
    ["0001-01-01T00:00:00Z", "0001-01-01T00:00:00Z"],
    ["9999-12-31T23:59:59.999999999Z", "9999-12-31T23:59:59.999Z"],
    ["2026-03-01T12:00:00.000999+05:30", "2026-03-01T06:30:00Z"],
    ["1600-02-29T00:00:00.001Z", "1600-02-29T00:00:00.001Z"],
  ])("%s comes back in whole milliseconds", async (occurTime, expected) => {
    const request = JSON.stringify({ entry: { action: "create", occurTime } });
    const recorded = await exchange("Record", request, "json");
    expect(JSON.parse(recorded.text)).toMatchObject({ entry: { occurTime: expected } });
  });

  test.each([
    ["the year 20000", 568_971_820_800n, 0],
    ["just after 9999", 253_402_300_800n, 0],
    ["before the year 1", -62_135_596_801n, 0],
    ["the end of int64", 2n ** 63n - 1n, 0],
    ["negative nanoseconds", 0n, -1],
    ["a second of nanoseconds", 0n, 1_000_000_000],
  ])("%s is refused", async (_, seconds, nanos) => {
    const entry = { action: "create", occurTime: { seconds, nanos } };
    const request = toBinary(RecordRequestSchema, create(RecordRequestSchema, { entry }));
    expect(await post("Record", request, "proto")).toMatchObject({
      code: "invalid_argument",
      fields: ["entry.occur_time"],
    });
    const filter = {
      recordTime: { from: { seconds, nanos } },
      occurTime: { to: { seconds, nanos } },
    };
    const list = toBinary(ListRequestSchema, create(ListRequestSchema, { filter }));
    expect(await post("List", list, "proto")).toMatchObject({
      code: "invalid_argument",
      fields: ["filter.record_time.from", "filter.occur_time.to"],
    });
  });

  test("the year 20000 in JSON is refused", async () => {
    expect(await record({ occurTime: "20000-01-01T00:00:00Z" })).toMatchObject({
      code: "invalid_argument",
      reason: "REQUEST_MALFORMED",
      message: expect.stringContaining("Timestamp"),
    });
  });
});

describe("enums", () => {
  test.each([
    ["scope", { scope: 99 }],
    ["scope", { scope: -1 }],
    ["status", { status: 5 }],
    ["actor.type", { actor: { type: 6, id: "x" } }],
    ["actor.type", { actor: { type: "ACTOR_TYPE_UNSPECIFIED", id: "x" } }],
  ])("a number that is no %s is refused", async (field, entry) => {
    expect(await record(entry)).toMatchObject({
      code: "invalid_argument",
      fields: [`entry.${field}`],
    });
  });

  test("a word that is none is refused, not passed over", async () => {
    expect(await record({ scope: "ENTRY_SCOPE_ADMN" })).toMatchObject({
      code: "invalid_argument",
      reason: "REQUEST_MALFORMED",
      message: expect.stringContaining("ENTRY_SCOPE_ADMN"),
    });
  });

  test.each([
    ["filter.scopes[0]", { scopes: [0] }],
    ["filter.scopes[1]", { scopes: [1, 99] }],
    ["filter.statuses[0]", { statuses: ["ENTRY_STATUS_UNSPECIFIED"] }],
    ["filter.actor_types[0]", { actorTypes: [0] }],
    ["filter.exclude.statuses[0]", { exclude: { statuses: [77] } }],
    ["filter.exclude.exclude", { exclude: { exclude: {} } }],
    ["filter.actions[1]", { actions: ["create", ""] }],
    ["filter.actor_ids[0]", { actorIds: ["a\u0000"] }],
    ["filter.request_ids[0]", { requestIds: ["x".repeat(257)] }],
    ["filter.record_time", { recordTime: {} }],
    [
      "filter.occur_time.to",
      { occurTime: { from: "2026-01-01T00:00:00Z", to: "2026-01-01T00:00:00Z" } },
    ],
  ])("in a filter, %s at fault is named", async (field, filter) => {
    expect(await json("List", { filter })).toMatchObject({
      code: "invalid_argument",
      reason: "INVALID_FIELD",
      fields: [field],
    });
  });

  test("an order that is none is refused", async () => {
    expect(await json("List", { order: 9 })).toMatchObject({ fields: ["order"] });
  });
});

test.each([
  ["neither id nor sequence", {}, "key"],
  ["position 0", { sequence: "0" }, "sequence"],
  ["position 2^63", { sequence: String(2n ** 63n) }, "sequence"],
  ["a malformed id", { id: "log-1" }, "id"],
])("Get by %s names the field", async (_, request, field) => {
  expect(await json("Get", request)).toMatchObject({ code: "invalid_argument", fields: [field] });
});

test("every mistake of an entry is named at once", async () => {
  const entry = {
    id: "log-1",
    actor: { type: "ACTOR_TYPE_USER", id: "ada" },
    resource: { type: "Sandbox" },
    action: "",
    scope: 9,
    context: { ipAddress: "fe80::1%eth0", userAgent: "x".repeat(1_025) },
    metadata: { a: "\u0000" },
  };
  const answer = await json("Record", { entry });
  expect(answer.fields?.toSorted()).toEqual([
    "entry.action",
    "entry.actor.id",
    "entry.context.ip_address",
    "entry.context.user_agent",
    "entry.id",
    "entry.metadata",
    "entry.resource.type",
    "entry.scope",
  ]);
});

describe("text that is none", () => {
  const places: [string, (text: string) => object][] = [
    ["resource.name", (name) => ({ resource: { type: "snapshot", name } })],
    ["resource.id", (id) => ({ resource: { type: "snapshot", id } })],
    ["actor.name", (name) => ({ actor: { type: "ACTOR_TYPE_SYSTEM", name } })],
    ["context.user_agent", (userAgent) => ({ context: { userAgent } })],
    ["context.request_id", (requestId) => ({ context: { requestId } })],
    ["context.trace_id", (traceId) => ({ context: { traceId } })],
    ["metadata", (text) => ({ metadata: { a: [{ b: text }] } })],
    ["metadata", (text) => ({ metadata: { a: { [text]: 1 } } })],
  ];

  test.each(places)("NUL in %s", async (field, entry) => {
    expect(await record(entry("a\u0000b"))).toMatchObject({
      code: "invalid_argument",
      fields: [`entry.${field}`],
    });
  });

  test.each(places)("a lone surrogate in %s", async (_, entry) => {
    // JSON.stringify escapes it, which every client can do.
    for (const lone of ["a\ud800b", "\udc00\ud800"]) {
      expect(await record(entry(lone))).toMatchObject({ status: 400, code: "invalid_argument" });
    }
  });

  test.each([
    ["a stray byte", [0xff]],
    ["a surrogate", [0xed, 0xa0, 0x80]],
    ["an overlong form", [0xc0, 0xaf]],
    ["an end too soon", [0xe2, 0x82]],
  ])("no UTF-8 in protobuf and in JSON: %s", async (_, bytes) => {
    const place = "PLACEHOLDER";
    const wrong = (whole: Buffer) => {
      const at = whole.indexOf(place);
      const fill = Buffer.alloc(place.length, 0x61);
      Buffer.from(bytes).copy(fill, place.length - bytes.length);
      fill.copy(whole, at);
      return whole;
    };
    const entry = { action: "create", resource: { type: "x", name: place } };
    const binary = toBinary(RecordRequestSchema, create(RecordRequestSchema, { entry }));
    const malformed = { code: "invalid_argument", reason: "REQUEST_MALFORMED" };
    expect(await post("Record", wrong(Buffer.from(binary)), "proto")).toMatchObject(malformed);
    const text = JSON.stringify({ entry });
    expect(await post("Record", wrong(Buffer.from(text)), "json")).toMatchObject(malformed);
  });
});

describe("metadata", () => {
  test.each([
    ["__proto__ and constructor", '{"__proto__":{"x":1},"constructor":{"__proto__":5},"a":1}'],
    ["an empty key", '{"":1}'],
    ["numeric keys", '{"10":1,"9":2}'],
    ["nothing", "{}"],
  ])("with %s comes back as it went", async (_, metadata) => {
    const body = `{"entry":{"action":"create","metadata":${metadata}}}`;
    expect(await post("Record", body, "json")).toEqual({ status: 200 });
    const read = JSON.parse((await exchange("Get", '{"sequence":1}', "json")).text);
    const sent = JSON.parse(metadata);
    expect(Object.keys(read.entry.metadata).toSorted()).toEqual(Object.keys(sent).toSorted());
    expect(read.entry.metadata).toEqual(sent);
    expect(JSON.stringify(read.entry.metadata)).toContain(Object.keys(sent)[0] ?? "{}");
  });

  test.each([NaN, Infinity, -Infinity])("with %s in protobuf is refused", async (number) => {
    // protobuf-es would not write it: another number's bytes are changed.
    const entry = { action: "create", metadata: { n: 12_345.678 } };
    const request = Buffer.from(
      toBinary(RecordRequestSchema, create(RecordRequestSchema, { entry })),
    );
    const known = Buffer.alloc(8);
    known.writeDoubleLE(12_345.678);
    request.writeDoubleLE(number, request.indexOf(known));
    expect(await post("Record", request, "proto")).toMatchObject({
      code: "invalid_argument",
      fields: ["entry.metadata"],
    });
  });

  test("-0 is 0", async () => {
    const { audit } = server.clients(token);
    const { entry } = await audit.record({ entry: { action: "create", metadata: { n: [-0, 0] } } });
    expect(entry?.metadata).toEqual({ n: [0, 0] });
  });

  test.each([18, 50, 1_000, 50_000])("%i levels deep in JSON is refused", async (depth) => {
    const metadata = `${'{"a":'.repeat(depth)}1${"}".repeat(depth)}`;
    const body = `{"entry":{"action":"create","metadata":${metadata}}}`;
    expect(await post("Record", body, "json")).toMatchObject({
      status: 400,
      code: "invalid_argument",
    });
  });

  test.each([18, 50, 1_000, 5_000])("%i levels deep in protobuf is refused", async (depth) => {
    expect(await post("Record", nested(depth), "proto")).toMatchObject({
      status: 400,
      code: "invalid_argument",
    });
  });
});

/** A RecordRequest whose metadata has so many levels, written from the inside out. */
function nested(depth: number): Buffer {
  const frames: Buffer[] = [];
  let length = 0;
  const wrap = (prefix: number[]) => {
    const varint: number[] = [];
    let rest = length;
    for (; rest > 127; rest >>>= 7) varint.push((rest & 127) | 128);
    const frame = Buffer.from([...prefix, ...varint, rest]);
    frames.push(frame);
    length += frame.length;
  };
  const innermost = toBinary(StructSchema, create(StructSchema, { fields: {} }));
  frames.push(Buffer.from(innermost));
  for (let i = 0; i < depth; i++) {
    wrap([0x2a]); // Value.struct_value
    wrap([0x0a, 0x01, 0x61, 0x12]); // map entry: key "a", value
    wrap([0x0a]); // Struct.fields
  }
  wrap([0x3a, 0x06, ...Buffer.from("create"), 0x52]); // AuditEntry.action, .metadata
  wrap([0x0a]); // RecordRequest.entry
  return Buffer.concat(frames.toReversed());
}

describe("a body that is no message", () => {
  const malformed = { status: 400, code: "invalid_argument", reason: "REQUEST_MALFORMED" };

  test.each([
    ["nothing", ""],
    ["cut short", '{"entry":{"action":"cre'],
    ["a list", "[]"],
    ["null", "null"],
    ["text", "hello"],
    ["a misspelt field", '{"entry":{"acton":"create"}}'],
    ["a wrong type", '{"entry":{"action":7}}'],
    ["a key twice", '{"entry":{"action":"a"},"entry":{"action":"b"}}'],
  ])("JSON: %s", async (_, body) => {
    expect(await post("Record", body, "json")).toMatchObject(malformed);
  });

  test("protobuf cut short at any byte is refused or lacks a field", async () => {
    const entry = { action: "create", resource: { type: "sandbox" }, metadata: { a: "b" } };
    const whole = toBinary(RecordRequestSchema, create(RecordRequestSchema, { entry }));
    for (let length = 1; length < whole.length; length++) {
      const answer = await post("Record", whole.slice(0, length), "proto");
      expect(answer, `${length} bytes`).toMatchObject(malformed);
    }
  });

  test("random bytes never do more than fail", async () => {
    for (let seed = 1; seed <= 200; seed++) {
      const bytes = Buffer.from(Array.from({ length: 40 }, (_, i) => (seed * 7919 * (i + 3)) >> 3));
      expect((await post("Record", bytes, "proto")).status).toBe(400);
    }
  });
});
