import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { type Timestamp, timestampFromMs, timestampMs } from "@bufbuild/protobuf/wkt";
import fc from "fast-check";
import pg from "pg";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import type {
  SummarizeRequestSchema,
  SummarizeResponse,
} from "../../gen/audit/v1/audit_service_pb.ts";
import {
  type AuditEntry,
  type EntryFilter,
  EntryFilterSchema,
  EntryScope,
  EntryStatus,
} from "../../gen/audit/v1/entry_pb.ts";
import { ApiKeyGrant } from "../../gen/audit/v1/key_service_pb.ts";
import { formatTeamId, type TeamId } from "../../src/ids.ts";
import { summaryTurns } from "../../src/limits.ts";
import { kinds } from "../../src/log/counts.ts";
import { scopeNames, scopes, statuses, statusNames } from "../../src/rpc/wire-words.ts";
import { createDataDir } from "../support/data-dir.ts";
import { createDatabase, type TestDatabase } from "../support/postgres.ts";
import { refusal } from "../support/refusal.ts";
import { newId, startTestServer, type TestClients, type TestServer } from "../support/server.ts";
import { insertTimedLog, prune, type TimedEntry } from "../support/timed-log.ts";

type Filter = MessageInitShape<typeof EntryFilterSchema>;
type Request = MessageInitShape<typeof SummarizeRequestSchema>;

const minute = 60_000;
const hour = 60 * minute;
const day = 24 * hour;
/** 2026-01-05, a Monday, at midnight UTC. */
const monday = 1_767_571_200_000;

let database: TestDatabase;
let server: TestServer;
let superuser: pg.Client;
let root: TestClients;

beforeAll(async () => {
  database = await createDatabase();
  superuser = new pg.Client({ connectionString: database.url });
  await superuser.connect();
  server = await startTestServer({ database, overrides: { apiKeyCacheMs: 1 } });
  root = server.clients(await server.jwt({ role: "platform_admin" }));
});

afterAll(async () => {
  await server.close();
  await superuser.end();
  await database.drop();
});

function at(time: number): Timestamp {
  return timestampFromMs(time);
}

/** The counts as lines: when the bucket begins, status, scope, how many. */
function lines({ buckets }: Pick<SummarizeResponse, "buckets">): string[] {
  return buckets.flatMap(({ startTime, counts }) =>
    counts.map(
      ({ status, scope, count }) =>
        `${startTime && timestampMs(startTime)} ${statusNames.get(status)} ${scopeNames.get(scope)} ${count}`,
    ),
  );
}

/** How many entries are counted in all. */
function total({ buckets }: SummarizeResponse): number {
  return buckets.flatMap(({ counts }) => counts).reduce((n, { count }) => n + Number(count), 0);
}

/** What List's entries come to, by hand. */
function countedByHand(
  entries: readonly AuditEntry[],
  { bucketWidth, startTime }: SummarizeResponse,
) {
  const width = Number(bucketWidth?.seconds) * 1_000;
  const start = startTime === undefined ? 0 : timestampMs(startTime);
  const counts = new Map<string, number>();
  for (const { status, scope, recordTime } of entries) {
    const time = recordTime === undefined ? 0 : timestampMs(recordTime);
    const bucket = start + Math.floor((time - start) / width) * width;
    const key = [bucket, kindOrder(status, scope)].join();
    counts.set(key, (counts.get(key) ?? 0) + 1);
  }
  return [...counts]
    .map(([key, count]) => [...key.split(",").map(Number), count] as [number, number, number])
    .sort(([a, b], [c, d]) => a - c || b - d)
    .map(([bucket, kind, count]) => {
      const { status, scope } = kinds[kind] ?? { status: "info", scope: "team" };
      return `${bucket} ${status} ${scope} ${count}`;
    });
}

function kindOrder(status: EntryStatus, scope: EntryScope): number {
  return kinds.findIndex(
    (kind) => statuses[kind.status] === status && scopes[kind.scope] === scope,
  );
}

async function listAll(audit: TestClients["audit"], teamId: string, filter: Filter) {
  const entries: AuditEntry[] = [];
  let pageToken = "";
  do {
    const page = await audit.list({ teamId, filter, pageSize: 200, pageToken });
    entries.push(...page.entries);
    pageToken = page.nextPageToken;
  } while (pageToken !== "");
  return entries;
}

const arbitraryEntries = fc
  .array(
    fc.tuple(
      fc.oneof(fc.constant(0), fc.nat(3_000), fc.nat(5 * hour)),
      fc.nat(7),
      fc.constantFrom("create", "delete", "login"),
    ),
    { minLength: 1, maxLength: 700 },
  )
  .map((steps) => {
    let recordTime = monday;
    return steps.map(([later, kind, action]): TimedEntry => {
      recordTime += later;
      return { recordTime, action, ...(kinds[kind] ?? { status: "info", scope: "team" }) };
    });
  });

/** Conditions whose times are near those of the entries, as shares of the log and a bit to the side. */
const arbitraryConditions = fc.record({
  statuses: fc.subarray([1, 2, 3, 4] as EntryStatus[], { maxLength: 2 }),
  scopes: fc.subarray([1, 2] as EntryScope[], { maxLength: 1 }),
  actions: fc.oneof(
    { weight: 2, arbitrary: fc.constant<string[]>([]) },
    { weight: 1, arbitrary: fc.subarray(["create", "delete", "no-such"], { minLength: 1 }) },
  ),
  times: fc.option(
    fc.tuple(
      fc.option(fc.tuple(fc.nat(), fc.integer({ min: -2, max: 2 })), { nil: undefined }),
      fc.option(fc.tuple(fc.nat(), fc.integer({ min: -2, max: 2 })), { nil: undefined }),
    ),
    { nil: undefined },
  ),
});

function conditionsOf(
  { times, ...values }: typeof arbitraryConditions extends fc.Arbitrary<infer T> ? T : never,
  entries: readonly TimedEntry[],
): EntryFilter {
  const near = (pick: [number, number] | undefined) =>
    pick && (entries[pick[0] % entries.length]?.recordTime ?? 0) + pick[1];
  const [a, b] = [near(times?.[0]), near(times?.[1])];
  if (a === undefined && b === undefined) return create(EntryFilterSchema, values);
  const [from, to] = a !== undefined && b !== undefined && a >= b ? [b, a + 1] : [a, b];
  return create(EntryFilterSchema, {
    ...values,
    recordTime: {
      ...(from === undefined ? {} : { from: at(from) }),
      ...(to === undefined ? {} : { to: at(to) }),
    },
  });
}

test("for any log, filter, width and reader it counts what List lists", async () => {
  await fc.assert(
    fc.asyncProperty(
      arbitraryEntries,
      arbitraryConditions,
      arbitraryConditions,
      fc.boolean(),
      fc.option(fc.constantFrom(1, 7, 60, 3_600, 5_000, 86_400, 7 * 86_400), { nil: undefined }),
      fc.option(fc.integer({ min: monday - day, max: monday + day }), { nil: undefined }),
      fc.constantFrom("admin" as const, "member" as const),
      fc.double({ min: 0, max: 1, noNaN: true }),
      async (entries, included, excluded, excludes, width, origin, role, pruned) => {
        const floor = 1 + 256 * Math.floor((pruned * entries.length) / 256);
        const { teamId } = await insertTimedLog(superuser, entries, floor);
        const { audit } = server.clients(await server.jwt({ role, teamId }));
        const filter = conditionsOf(included, entries);
        if (excludes) filter.exclude = conditionsOf(excluded, entries);
        const request: Request = {
          teamId,
          filter,
          ...(width === undefined ? {} : { bucketWidth: { seconds: BigInt(width) } }),
          ...(origin === undefined ? {} : { bucketOrigin: at(origin) }),
        };
        const summary = await audit.summarize(request).catch((error: unknown) => {
          // The log is too long for so short buckets.
          expect(String(error)).toContain("bucket_width: makes");
          return undefined;
        });
        if (summary === undefined) return;
        const listed = await listAll(audit, teamId, filter);
        expect(lines(summary)).toEqual(countedByHand(listed, summary));
        expect(summary.countedFrom).toBeUndefined();
        if (width !== undefined) expect(summary.bucketWidth?.seconds).toBe(BigInt(width));
        if (summary.startTime !== undefined && summary.bucketWidth !== undefined) {
          const widthMs = Number(summary.bucketWidth.seconds) * 1_000;
          expect((timestampMs(summary.startTime) - (origin ?? 0)) % widthMs).toBeCloseTo(0);
        }
      },
    ),
    { numRuns: 80 },
  );
});

describe("a log of three days", () => {
  /** Every ten minutes one, by turns of each kind. */
  const entries: TimedEntry[] = Array.from({ length: 3 * 144 }, (_, i) => ({
    recordTime: monday + i * 10 * minute,
    action: i % 2 === 0 ? "even" : "odd",
    ...(kinds[i % kinds.length] ?? { status: "info", scope: "team" }),
  }));
  let teamId: string;
  let admin: TestClients["audit"];
  const summarize = (request: Request = {}) => admin.summarize({ teamId, ...request });
  const shape = (summary: SummarizeResponse) => ({
    width: Number(summary.bucketWidth?.seconds),
    start: summary.startTime && new Date(timestampMs(summary.startTime)).toISOString(),
    end: summary.endTime && new Date(timestampMs(summary.endTime)).toISOString(),
    buckets: summary.buckets.length,
  });

  beforeAll(async () => {
    ({ teamId } = await insertTimedLog(superuser, entries));
    admin = server.clients(await server.jwt({ role: "admin", teamId })).audit;
  });

  test("is divided into whole hours, the first width that makes 120 buckets or fewer", async () => {
    expect(shape(await summarize())).toEqual({
      width: 3_600,
      start: "2026-01-05T00:00:00.000Z",
      end: "2026-01-08T00:00:00.000Z",
      buckets: 72,
    });
    const hours = await summarize({ filter: { recordTime: { to: at(monday + 2 * hour) } } });
    expect(shape(hours)).toMatchObject({ width: 60, buckets: 12 });
    expect(shape(hours).end).toBe("2026-01-05T02:00:00.000Z");
  });

  test("is divided as asked, at a midnight that is not UTC's", async () => {
    const bucketOrigin = at(Date.UTC(2030, 5, 1, -2));
    expect(shape(await summarize({ bucketWidth: { seconds: 86_400n }, bucketOrigin }))).toEqual({
      width: 86_400,
      start: "2026-01-04T22:00:00.000Z",
      end: "2026-01-08T22:00:00.000Z",
      buckets: 4,
    });
  });

  test("a range that begins or ends within a bucket counts what is in the range only", async () => {
    const recordTime = { from: at(monday + 10 * minute + 1), to: at(monday + 2 * hour) };
    const summary = await summarize({ filter: { recordTime }, bucketWidth: { seconds: 3_600n } });
    expect(summary.buckets.map(({ counts }) => counts.reduce((n, c) => n + c.count, 0n))).toEqual([
      4n,
      6n,
    ]);
    expect(shape(summary).start).toBe("2026-01-05T00:00:00.000Z");
  });

  test("a range far beyond the log is cut to where there are entries, or may be by now", async () => {
    const wide = { from: at(-62_135_596_800_000), to: at(253_402_300_799_999) };
    for (const actions of [[], ["even"]]) {
      const filter = { recordTime: wide, actions };
      const summary = await summarize({ filter, bucketWidth: { seconds: 30n * 86_400n } });
      expect(shape(summary).start).toBe("2025-12-08T00:00:00.000Z");
      expect(Date.parse(shape(summary).end ?? "")).toBeGreaterThan(Date.now());
      expect(Date.parse(shape(summary).end ?? "")).toBeLessThan(Date.now() + 31 * day);
      expect(shape(summary).buckets).toBe(2);
    }
    const since1970 = await summarize({ filter: { recordTime: { from: at(0) } } });
    expect(shape(since1970)).toEqual(shape(await summarize()));
  });

  test("a range with nothing in it is empty, and has no beginning", async () => {
    for (const recordTime of [
      { to: at(monday) },
      { from: at(0), to: at(1) },
      { from: at(Date.now() + hour) },
    ]) {
      expect(await summarize({ filter: { recordTime } })).toMatchObject({
        buckets: [],
        bucketWidth: { seconds: 1n },
      });
      expect((await summarize({ filter: { recordTime } })).startTime).toBeUndefined();
    }
    const quiet = { from: at(monday + 1), to: at(monday + 2) };
    expect(shape(await summarize({ filter: { recordTime: quiet } }))).toEqual({
      width: 1,
      start: "2026-01-05T00:00:00.000Z",
      end: "2026-01-05T00:00:01.000Z",
      buckets: 0,
    });
  });

  test.each<[string, Request, string[]]>([
    ["no width", { bucketWidth: {} }, ["bucket_width"]],
    ["a negative width", { bucketWidth: { seconds: -60n } }, ["bucket_width"]],
    ["a width below a second", { bucketWidth: { nanos: 500_000_000 } }, ["bucket_width"]],
    ["a width with a fraction", { bucketWidth: { seconds: 1n, nanos: 1 } }, ["bucket_width"]],
    ["a width of millennia", { bucketWidth: { seconds: 315_576_000_000n } }, ["bucket_width"]],
    ["a width beyond all", { bucketWidth: { seconds: 2n ** 63n - 1n } }, ["bucket_width"]],
    ["too many buckets", { bucketWidth: { seconds: 60n } }, ["bucket_width"]],
    ["an origin in the year 0", { bucketOrigin: { seconds: -62_135_596_801n } }, ["bucket_origin"]],
    [
      "width and origin",
      { bucketWidth: {}, bucketOrigin: { nanos: -1 } },
      ["bucket_width", "bucket_origin"],
    ],
    [
      "a range that ends before it begins",
      { filter: { recordTime: { from: at(1), to: at(1) } } },
      ["filter.record_time.to"],
    ],
    ["an unspecified status", { filter: { statuses: [0] } }, ["filter.statuses[0]"]],
    ["a malformed team", { teamId: "team-x" }, ["team_id"]],
  ])("%s is refused, by the field's name", async (_, request, fields) => {
    expect(await refusal(summarize(request))).toMatchObject({
      code: "invalid_argument",
      reason: "INVALID_FIELD",
      fields,
    });
  });

  test("origins at both ends of time are as good as any", async () => {
    for (const origin of [-62_135_596_800_000, 253_402_300_799_999]) {
      const summary = await summarize({
        bucketOrigin: at(origin),
        bucketWidth: { seconds: 3_153_600_000n },
      });
      expect(summary.buckets.length).toBe(1);
    }
  });

  test("plain HTTP GET and JSON answer the same", async () => {
    const token = await server.jwt({ role: "member", teamId });
    const url = new URL("/audit.v1.AuditService/Summarize", server.url);
    const message = { bucketWidth: "86400s", filter: { statuses: ["ENTRY_STATUS_ERROR"] } };
    url.search = String(
      new URLSearchParams({ connect: "v1", encoding: "json", message: JSON.stringify(message) }),
    );
    const response = await fetch(url, { headers: { authorization: `Bearer ${token}` } });
    expect(await response.json()).toEqual({
      buckets: [0, 1, 2].map((days) => ({
        startTime: new Date(monday + days * day).toISOString().replace(".000", ""),
        counts: [{ status: "ENTRY_STATUS_ERROR", scope: "ENTRY_SCOPE_TEAM", count: "18" }],
      })),
      bucketWidth: "86400s",
      startTime: "2026-01-05T00:00:00Z",
      endTime: "2026-01-08T00:00:00Z",
    });
  });

  test("counts that do not add up are not given: entries are read instead, and the log says so", async () => {
    const { id, ...broken } = await insertTimedLog(superuser, entries);
    await superuser.query(
      "UPDATE control_plane.audit_log_heads SET counts[2] = counts[2] + 5 WHERE team_id = $1",
      [id],
    );
    const request = { bucketWidth: { seconds: 86_400n } };
    expect(lines(await root.audit.summarize({ ...broken, ...request }))).toEqual(
      lines(await summarize(request)),
    );
    const line = server.logs.find((each) => each.includes(formatTeamId(id) ?? ""));
    expect(line).toContain("do not add up");
  });

  test("what is pruned is not counted, and the range begins after it", async () => {
    const { id, teamId: pruned } = await insertTimedLog(superuser, entries);
    await prune(superuser, id, 257);
    const summary = await root.audit.summarize({ teamId: pruned });
    expect(total(summary)).toBe(entries.length - 256);
    expect(timestampMs(summary.startTime ?? at(0))).toBe(monday + 42.5 * hour);
  });
});

test("a team without entries has no buckets, whatever the range", async () => {
  const teamId = newId("team");
  for (const filter of [
    {},
    { actions: ["create"] },
    { recordTime: { from: at(0), to: at(day) } },
  ]) {
    const summary = await root.audit.summarize({ teamId, filter });
    expect(summary).toMatchObject({ buckets: [], bucketWidth: { seconds: 1n } });
    expect(summary.startTime).toBeUndefined();
    expect(summary.endTime).toBeUndefined();
  }
});

test("an entry is counted as soon as it is recorded, and not by who may not read it", async () => {
  const teamId = newId("team");
  const member = server.clients(await server.jwt({ role: "member", teamId }));
  const record = (scope: EntryScope, status: EntryStatus) =>
    root.audit.record({ entry: { teamId, action: "create", scope, status } });
  await record(EntryScope.TEAM, EntryStatus.ERROR);
  await record(EntryScope.ADMIN, EntryStatus.WARNING);
  const words = (summary: SummarizeResponse) =>
    lines(summary).map((line) => line.slice(line.indexOf(" ") + 1));
  const request: Request = { bucketWidth: { seconds: 3_153_600_000n } };
  expect(words(await root.audit.summarize({ ...request, teamId }))).toEqual([
    "warning admin 1",
    "error team 1",
  ]);
  expect(words(await member.audit.summarize(request))).toEqual(["error team 1"]);
  for (const filter of [
    { scopes: [EntryScope.ADMIN] },
    { scopes: [EntryScope.ADMIN], actions: ["create"] },
    { statuses: [EntryStatus.WARNING] },
    { exclude: { scopes: [EntryScope.TEAM] } },
  ]) {
    expect((await member.audit.summarize({ ...request, filter })).buckets).toEqual([]);
  }
});

test("whoever may list a team may summarize it, and nobody else; refusals are List's", async () => {
  const [teamId, other] = [newId("team"), newId("team")];
  const scopesOf = [EntryScope.TEAM, EntryScope.ADMIN];
  for (const team of [teamId, other]) {
    await Promise.all(
      scopesOf.map((scope) =>
        root.audit.record({ entry: { teamId: team, action: "note", scope } }),
      ),
    );
  }
  const key = async (...grants: ApiKeyGrant[]) => {
    const { secret } = await root.keys.createApiKey({ teamId, name: "tests", grants });
    return secret;
  };
  const credentials = {
    member: await server.jwt({ role: "member", teamId }),
    admin: await server.jwt({ role: "admin", teamId }),
    owner: await server.jwt({ role: "owner", teamId }),
    "platform admin": await server.jwt({ role: "platform_admin" }),
    "platform admin of a team": await server.jwt({ role: "platform_admin", teamId }),
    service: await server.jwt({ role: "service" }),
    "service that reads": await server.jwt({ role: "service", grants: ["read"] }),
    key: await key(),
    "key that reads": await key(ApiKeyGrant.READ),
    "key that reads all": await key(ApiKeyGrant.READ_ADMIN),
    nobody: undefined,
    somebody: "annals_key_0000",
    expired: await server.jwt({ role: "admin", teamId, expiresIn: -5 }),
  };
  for (const [name, credential] of Object.entries(credentials)) {
    const { audit } = server.clients(credential);
    for (const team of [teamId, other, ""]) {
      const filter = { actions: [], exclude: { actions: ["create_api_key"] } };
      const listed = await audit.list({ teamId: team, filter }).then(
        ({ entries }) => entries.map(({ scope }) => scopeNames.get(scope)).sort(),
        () => refusal(audit.list({ teamId: team, filter })),
      );
      for (const each of [filter, { exclude: { actions: ["create_api_key"] } }]) {
        const counted = await audit.summarize({ teamId: team, filter: each }).then(
          ({ buckets }) =>
            buckets.flatMap(({ counts }) =>
              counts.flatMap(({ scope, count }) =>
                Array.from({ length: Number(count) }, () => scopeNames.get(scope)),
              ),
            ),
          () => refusal(audit.summarize({ teamId: team, filter: each })),
        );
        const same = Array.isArray(counted) ? counted.sort() : counted;
        expect(same, `${name}, ${team}`).toEqual(listed);
      }
      const bySums = await audit.summarize({ teamId: team }).then(
        ({ buckets }) =>
          buckets.flatMap(({ counts }) => counts.map(({ scope }) => scopeNames.get(scope))),
        () => refusal(audit.summarize({ teamId: team })),
      );
      const visible = Array.isArray(bySums) ? [...new Set(bySums)].sort() : bySums;
      expect(visible, `${name}, ${team}`).toEqual(
        Array.isArray(listed) ? [...new Set(listed)] : listed,
      );
    }
  }
});

test("summaries take turns: who asks for many is refused some, others are not, and reading goes on", async () => {
  const { teamId } = await insertTimedLog(superuser, [
    { recordTime: monday, status: "info", scope: "team" },
  ]);
  const many = server.clients(await server.jwt({ role: "member", teamId })).audit;
  const other = server.clients(await server.jwt({ role: "member", teamId })).audit;
  const { running, waiting, waitingOfMember } = summaryTurns;
  // Whoever counts by sums waits for this.
  await superuser.query("BEGIN; LOCK TABLE control_plane.audit_log_counts");
  let refused = 0;
  const asked = Array.from({ length: waiting }, () =>
    many.summarize({}).catch((error: unknown) => {
      refused += 1;
      throw error;
    }),
  );
  const outcomes = Promise.allSettled(asked);
  await vi.waitFor(() => expect(refused).toBe(waiting - waitingOfMember - running), 20_000);
  expect(await refusal(many.summarize({}))).toMatchObject({
    code: "resource_exhausted",
    reason: "QUEUE_FULL",
  });
  const others = other.summarize({});
  expect((await other.list({})).entries.length).toBe(1);
  expect(total(await other.summarize({ filter: { actions: ["create"] } }))).toBe(1);
  await superuser.query("COMMIT");
  expect(total(await others)).toBe(1);
  const answered = (await outcomes).filter(({ status }) => status === "fulfilled");
  expect(answered.length).toBe(running + waitingOfMember);
  expect(total(await many.summarize({}))).toBe(1);
});

test("a search ends at its limit and says what it has counted; by time and status there is none", async () => {
  const size = 230_000;
  const id = crypto.randomUUID() as TeamId;
  const teamId = formatTeamId(id);
  const timeOf = (sequence: number) => monday + Math.floor(sequence / 7) * 1_000;
  await superuser.query(
    `INSERT INTO control_plane.audit_logs (
       id, team_id, sequence, recorder_type, recorder_id, actor_type, actor_id, action, scope,
       status, record_time, details_state, details_salt, details_digest, leaf_hash)
     SELECT gen_random_uuid(), $1, n, 'service', 'tests', 'system', 'system',
       CASE n % 2 WHEN 0 THEN 'even' ELSE 'odd' END, 'team', 'success',
       $2::timestamptz + n / 7 * interval '1 second', 'none', hash, hash, hash
     FROM generate_series(1, $3::integer) AS n, (SELECT decode(repeat('07', 32), 'hex') AS hash)`,
    [id, new Date(monday).toISOString(), size],
  );
  await superuser.query(
    "INSERT INTO control_plane.audit_log_heads (team_id, size, last_record_time) VALUES ($1, $2, $3)",
    [id, size, new Date(timeOf(size)).toISOString()],
  );
  await superuser.query("SELECT control_plane.count_log($1)", [id]);
  // As autovacuum would in its time: plans made for an empty table are not those for this one.
  await superuser.query("ANALYZE control_plane.audit_logs");
  const found = await root.audit.summarize({ teamId, filter: { actions: ["even"] } });
  const from = timestampMs(found.countedFrom ?? at(0));
  const even = Array.from({ length: size }, (_, i) => i + 1).filter((n) => n % 2 === 0);
  expect(total(found)).toBeGreaterThanOrEqual(even.filter((n) => timeOf(n) > from).length);
  expect(total(found)).toBeLessThanOrEqual(even.filter((n) => timeOf(n) >= from).length);
  // Of 200,000 read, unless the machine is slow; of one window in any case.
  expect(total(found)).toBeGreaterThanOrEqual(10_000);
  expect(total(found)).toBeLessThanOrEqual(100_000);
  const [first] = found.buckets;
  expect(timestampMs(first?.startTime ?? at(0))).toBeLessThanOrEqual(from);
  expect(timestampMs(found.startTime ?? at(0))).toBeLessThanOrEqual(monday);

  const recent = { actions: ["odd"], recordTime: { from: at(timeOf(size - 7_000)) } };
  const few = await root.audit.summarize({ teamId, filter: recent });
  expect(few.countedFrom).toBeUndefined();
  expect(total(few)).toBe((await listAll(root.audit, teamId, recent)).length);

  const all = await root.audit.summarize({ teamId, filter: { statuses: [EntryStatus.SUCCESS] } });
  expect(all.countedFrom).toBeUndefined();
  expect(total(all)).toBe(size);
});

test("the embedded database counts too", async () => {
  await using directory = await createDataDir();
  await using embedded = await startTestServer({ dataDir: directory.path });
  const teamId = newId("team");
  const { audit } = embedded.clients(await embedded.jwt({ role: "service", grants: ["read"] }));
  const entries = Array.from({ length: 150 }, (_, i) => ({
    teamId,
    action: i % 3 === 0 ? "create" : "delete",
  }));
  await audit.recordBatch({ entries });
  const width = { bucketWidth: { seconds: 3_153_600_000n } };
  const counts = async (filter: Filter) =>
    (await audit.summarize({ teamId, filter, ...width })).buckets.flatMap(({ counts: each }) =>
      each.map(({ count }) => count),
    );
  expect(await counts({})).toEqual([150n]);
  expect(await counts({ actions: ["create"] })).toEqual([50n]);
}, 90_000);
