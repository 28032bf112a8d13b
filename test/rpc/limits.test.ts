import type { JsonObject } from "@bufbuild/protobuf";
import { type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import pg from "pg";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import {
  ListOrder,
  ListResponseSchema,
  RecordBatchResponseSchema,
  StreamResponseSchema,
} from "../../gen/audit/v1/audit_service_pb.ts";
import { ActorType, type AuditEntrySchema } from "../../gen/audit/v1/entry_pb.ts";
import { ErrorReason } from "../../gen/audit/v1/error_reason_pb.ts";
import { refusal } from "../support/refusal.ts";
import { newId, startTestServer, type TestClients, type TestServer } from "../support/server.ts";

type NewEntry = MessageInitShape<typeof AuditEntrySchema>;

const KiB = 1024;
const MiB = 1024 * KiB;

const cleanup = new AsyncDisposableStack();
let server: TestServer;
let teamId: string;
let token: string;
let audit: TestClients["audit"];

beforeAll(async () => {
  server = cleanup.use(await startTestServer());
});
afterAll(() => cleanup.disposeAsync());
beforeEach(async () => {
  teamId = newId("team");
  token = await server.jwt({ role: "service", teamId, grants: ["read"] });
  audit = server.clients(token).audit;
});

const base: NewEntry = { action: "create" };

/** `text` of so many bytes, and one of one byte more. */
describe.each<[string, number, string, (text: string) => NewEntry]>([
  ["action", 256, "a", (action) => ({ action })],
  ["resource.type", 256, "a", (type) => ({ ...base, resource: { type } })],
  ["resource.id", 256, "é", (id) => ({ ...base, resource: { type: "snapshot", id } })],
  ["resource.name", 256, "é", (name) => ({ ...base, resource: { type: "snapshot", name } })],
  ["actor.id", 256, "é", (id) => ({ ...base, actor: { type: ActorType.SERVICE, id } })],
  ["actor.name", 256, "🔑", (name) => ({ ...base, actor: { type: ActorType.SYSTEM, name } })],
  ["context.user_agent", KiB, "é", (userAgent) => ({ ...base, context: { userAgent } })],
  ["context.request_id", 256, "é", (requestId) => ({ ...base, context: { requestId } })],
  ["context.trace_id", 256, "é", (traceId) => ({ ...base, context: { traceId } })],
])("%s, in bytes of UTF-8", (field, bytes, character, entry) => {
  const most = character.repeat(bytes / Buffer.byteLength(character));

  test(`${bytes} are taken and come back`, async () => {
    const { entry: recorded } = await audit.record({ entry: entry(most) });
    const got = await audit.get({ key: { case: "id", value: recorded?.id ?? "" } });
    expect(got.entry).toMatchObject(entry(most));
  });

  test(`${bytes + 1} are refused by its name`, async () => {
    expect(await refusal(audit.record({ entry: entry(`${most}a`) }))).toMatchObject({
      code: "invalid_argument",
      reason: "INVALID_FIELD",
      fields: [`entry.${field}`],
    });
  });
});

describe("metadata", () => {
  const record = (metadata: JsonObject) => audit.record({ entry: { ...base, metadata } });
  const tooMuch = { code: "invalid_argument", fields: ["entry.metadata"] };
  const stored = async (id = "") => {
    const client = new pg.Client({ connectionString: server.databaseUrl });
    await client.connect();
    try {
      const { rows } = await client.query(
        "SELECT octet_length(metadata::text) AS bytes FROM control_plane.audit_logs WHERE id = $1",
        [id.slice("log-".length)],
      );
      return rows[0]?.bytes;
    } finally {
      await client.end();
    }
  };

  test.each<[string, JsonObject]>([
    ["one text", {}],
    ["an array", { list: [1, -2.5, 1e21, 1.5e-7, 123456789.125, null, true, '\u0001\n"\\ é🔑'] }],
    ["objects", { a: { b: {}, c: [], d: [[]], "ключ\t": { e: false } } }],
    ["large and small numbers", { n: [1e300, -1e300, 5e-324, -5e-324, 1.7976931348623157e308] }],
  ])("of 32 KiB as PostgreSQL stores it is taken, and not a byte more: %s", async (_, part) => {
    const { entry } = await record({ ...part, pad: "" });
    const rest = 32 * KiB - (await stored(entry?.id));
    const most = await record({ ...part, pad: "x".repeat(rest) });
    expect(await stored(most.entry?.id)).toBe(32 * KiB);
    expect(most.entry?.metadata).toEqual({ ...part, pad: "x".repeat(rest) });
    expect(await refusal(record({ ...part, pad: "x".repeat(rest + 1) }))).toMatchObject(tooMuch);
  });

  test("of ten thousand tiny numbers, which would be stored as megabytes, is refused", async () => {
    const tiny = { n: Array.from({ length: 10_000 }, () => 5e-324) };
    expect(JSON.stringify(tiny).length).toBeLessThan(100_000);
    expect(await refusal(record(tiny))).toMatchObject(tooMuch);
  });

  test("of 1 MB is refused", async () => {
    expect(await refusal(record({ text: "x".repeat(1_000_000) }))).toMatchObject(tooMuch);
  });

  test.each<[string, (inner: JsonObject | null) => JsonObject, number]>([
    ["objects", (inner) => ({ a: inner }), 1],
    ["objects in arrays", (inner) => ({ a: [inner] }), 2],
  ])("is 16 levels deep at most: %s", async (_, wrap, levels) => {
    const nested = (depth: number) => {
      let value: JsonObject | null = null;
      for (let i = 0; i < depth / levels; i++) value = wrap(value);
      return value ?? {};
    };
    expect((await record(nested(16))).entry?.metadata).toEqual(nested(16));
    expect(await refusal(record(nested(16 + levels)))).toMatchObject(tooMuch);
  });
});

test("an entry is 64 KiB at most, encoded", async () => {
  // In three bytes of JSON text, a number of eleven bytes encoded.
  const entry = (numbers: number): NewEntry => ({
    ...base,
    metadata: { n: Array.from({ length: numbers }, () => 1) },
  });
  expect((await audit.record({ entry: entry(5_900) })).entry?.sequence).toBe(1n);
  expect(await refusal(audit.record({ entry: entry(6_000) }))).toMatchObject({
    code: "invalid_argument",
    fields: ["entry"],
  });
});

describe("a batch", () => {
  test("has 1 to 500 entries", async () => {
    const batch = (length: number) =>
      audit.recordBatch({ entries: Array.from({ length }, () => base) });
    const { results } = await batch(500);
    expect(results.filter(({ outcome }) => outcome.case === "entry")).toHaveLength(500);
    const wrong = { code: "invalid_argument", reason: "INVALID_FIELD", fields: ["entries"] };
    expect(await refusal(batch(501))).toMatchObject(wrong);
    expect(await refusal(batch(0))).toMatchObject(wrong);
  });

  test("is 4 MiB at most, like any request", async () => {
    const post = async (bytes: number) => {
      const request = JSON.stringify({ entries: [base] });
      const response = await fetch(`${server.url}/audit.v1.AuditService/RecordBatch`, {
        method: "POST",
        headers: { "content-type": "application/json", authorization: `Bearer ${token}` },
        body: request.padEnd(bytes),
      });
      return { status: response.status, body: await response.json() };
    };
    expect(await post(4 * MiB)).toMatchObject({ status: 200 });
    expect(await post(4 * MiB + 1)).toMatchObject({
      status: 429,
      body: {
        code: "resource_exhausted",
        details: [{ debug: { reason: "REQUEST_TOO_LARGE" } }],
      },
    });
  });
});

test("a batch whose answer would pass 4 MiB is refused before anything of it is recorded", async () => {
  const large = { ...base, metadata: { text: "x".repeat(20_000) } };
  const batch = (count: number) =>
    audit.recordBatch({ entries: Array.from({ length: count }, () => large) });
  const answer = await batch(200);
  expect(toBinary(RecordBatchResponseSchema, answer).length).toBeLessThanOrEqual(4 * MiB);
  const { entries: before } = await audit.list({ pageSize: 1 });
  // As a request it would pass: 4 MiB is 206 of them with hashes and times, and 208 without.
  expect(await refusal(batch(207))).toMatchObject({ reason: "INVALID_FIELD", fields: ["entries"] });
  const { entries: after } = await audit.list({ pageSize: 1 });
  expect(after[0]?.sequence).toBe(before[0]?.sequence);
});

test("a filter has 100 values at most, those of exclude among them", async () => {
  const values = (count: number) => Array.from({ length: count }, (_, i) => `act${i}`);
  const list = (own: number, excluded: number) =>
    audit.list({ filter: { actions: values(own), exclude: { resourceIds: values(excluded) } } });
  await list(100, 0);
  await list(60, 40);
  for (const [own, excluded] of [
    [101, 0],
    [60, 41],
    [0, 101],
  ] as const) {
    expect(await refusal(list(own, excluded))).toMatchObject({ fields: ["filter"] });
  }
});

describe("a page and a message", () => {
  const big: NewEntry = { ...base, metadata: { text: "x".repeat(30 * KiB) } };
  const fill = async (count: number, entry: NewEntry) => {
    for (let left = count; left > 0; left -= 100) {
      await audit.recordBatch({
        entries: Array.from({ length: Math.min(left, 100) }, () => entry),
      });
    }
  };

  test("a page has 50 entries unless told otherwise, and 200 at most", async () => {
    await fill(201, base);
    const size = async (pageSize: number) => (await audit.list({ pageSize })).entries.length;
    expect(await size(0)).toBe(50);
    expect(await size(1)).toBe(1);
    expect(await size(200)).toBe(200);
    expect(await size(1_000_000)).toBe(200);
    for (const pageSize of [-1, -2_147_483_648]) {
      expect(await refusal(audit.list({ pageSize }))).toMatchObject({
        code: "invalid_argument",
        fields: ["page_size"],
      });
    }
  });

  test("a page is 4 MiB at most, and a short one goes on", async () => {
    await fill(150, big);
    const sequences: bigint[] = [];
    let pages = 0;
    let pageToken = "";
    do {
      const page = await audit.list({ pageSize: 200, pageToken, order: ListOrder.OLDEST_FIRST });
      expect(toBinary(ListResponseSchema, page).length).toBeLessThanOrEqual(4 * MiB + KiB);
      sequences.push(...page.entries.map(({ sequence }) => sequence));
      pageToken = page.nextPageToken;
      pages += 1;
    } while (pageToken !== "");
    expect(sequences).toEqual(Array.from({ length: 150 }, (_, i) => BigInt(i + 1)));
    expect(pages).toBe(2);
  });

  test("a message of a stream is 1 MiB at most", async () => {
    await fill(100, big);
    const sequences: bigint[] = [];
    const start = { case: "beginning", value: {} } as const;
    for await (const message of audit.stream({ start, stopAtHead: true })) {
      expect(toBinary(StreamResponseSchema, message).length).toBeLessThanOrEqual(MiB + KiB);
      expect(message.entries.length).toBeLessThanOrEqual(500);
      sequences.push(...message.entries.map(({ sequence }) => sequence));
    }
    expect(sequences).toEqual(Array.from({ length: 100 }, (_, i) => BigInt(i + 1)));
  });

  test.each([0, 201, 4_294_967_295])("the last %i of a stream is refused", async (last) => {
    const stream = audit.stream({ start: { case: "last", value: last } });
    expect(await refusal(stream[Symbol.asyncIterator]().next())).toMatchObject({
      code: "invalid_argument",
      fields: ["last"],
    });
  });
});

/** While it lives, nothing can be appended to the team's log. */
async function holdHead(): Promise<AsyncDisposable> {
  await audit.record({ entry: base });
  const holder = new pg.Client({ connectionString: server.databaseUrl });
  await holder.connect();
  await holder.query("BEGIN");
  await holder.query("SELECT FROM control_plane.audit_log_heads WHERE team_id = $1 FOR UPDATE", [
    teamId.slice("team-".length),
  ]);
  return { [Symbol.asyncDispose]: () => holder.end() };
}

test("a team whose entries wait fills its share of the queue and no more", async () => {
  const waiting = await holdHead();
  const service = server.clients(await server.jwt({ role: "service" })).audit;
  const entries = Array.from({ length: 500 }, () => base);
  // The share is 2,500 entries.
  const batches = Array.from({ length: 6 }, () => audit.recordBatch({ entries }));
  try {
    await expect
      .poll(() => refusal(audit.record({ entry: base }, { timeoutMs: 1_000 })), { timeout: 10_000 })
      .toMatchObject({
        code: "resource_exhausted",
        reason: "QUEUE_FULL",
        metadata: { limit: "ingest_queue_team" },
        retries: true,
      });
    const other = await service.record({ entry: { ...base, teamId: newId("team") } });
    expect(other.entry?.sequence).toBe(1n);
  } finally {
    await waiting[Symbol.asyncDispose]();
  }
  const results = (await Promise.all(batches)).flatMap((batch) => batch.results);
  expect(results.filter(({ outcome }) => outcome.case === "entry")).toHaveLength(2_500);
  const refused = results.flatMap(({ outcome }) =>
    outcome.case === "error" ? [outcome.value] : [],
  );
  expect(refused).toHaveLength(500);
  for (const error of refused) {
    expect(error).toMatchObject({ code: 8, reason: ErrorReason.QUEUE_FULL });
    expect(error.retryDelay).toBeDefined();
  }
});

test("a call ends at its client's deadline", async () => {
  await using _ = await holdHead();
  // Over HTTP/1.1 nothing but the header tells the server.
  const response = await fetch(`${server.url}/audit.v1.AuditService/Record`, {
    method: "POST",
    headers: {
      "content-type": "application/json",
      authorization: `Bearer ${token}`,
      "connect-timeout-ms": "300",
    },
    body: JSON.stringify({ entry: base }),
  });
  expect(await response.json()).toMatchObject({
    code: "deadline_exceeded",
    details: [{ debug: { reason: "DEADLINE_EXCEEDED" } }],
  });
});
