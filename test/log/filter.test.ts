import { create } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { Code } from "@connectrpc/connect";
import fc from "fast-check";
import pg from "pg";
import { afterAll, beforeAll, expect, test } from "vitest";
import { ListOrder } from "../../gen/audit/v1/audit_service_pb.ts";
import {
  type AuditEntry,
  type EntryFilter,
  EntryFilterSchema,
} from "../../gen/audit/v1/entry_pb.ts";
import { parseTeamId, type TeamId } from "../../src/ids.ts";
import {
  type ActorType,
  actorTypes,
  type Entry,
  type NewEntry,
  scopes,
  statuses,
} from "../../src/log/entry.ts";
import {
  type Conditions,
  type Filter,
  filterSql,
  matches,
  noConditions,
  type TimeRange,
} from "../../src/log/filter.ts";
import { encodedBytes } from "../../src/log/size.ts";
import * as wire from "../../src/rpc/wire-words.ts";
import { append } from "../../src/store/append.ts";
import { columnTypes, openPools } from "../../src/store/pool.ts";
import { type EntryRow, entryColumns, entryFromRow } from "../../src/store/rows.ts";
import { newEntry } from "../support/new-entry.ts";
import { createDatabase, type TestDatabase } from "../support/postgres.ts";
import { newId, startTestServer, type TestClients, type TestServer } from "../support/server.ts";

/** Words that a careless query would take for something else. */
const odd = ["nightly", "O'Brien", "100%", "a_b", "a\\b", '"q"', "{x,y}", "NULL", " ", "ß", "🦆"];
const resourceTypes = ["snapshot", "image", "disk"];
const actions = ["create", "delete", "role_update", "user.login"];
const actorIds = ["ada", "grace", "system", ...odd.slice(1, 5)];
const day = 86_400_000;
const occurTimes = [-3, 0, 1, 20_000].map((days) => days * day);

const corpusEntry: fc.Arbitrary<Partial<NewEntry>> = fc
  .record({
    resource: fc.option(
      fc.record({
        type: fc.constantFrom(...resourceTypes),
        id: fc.option(fc.constantFrom(...odd), { nil: undefined }),
      }),
      { nil: undefined },
    ),
    action: fc.constantFrom(...actions),
    actorType: fc.constantFrom(...actorTypes),
    actorId: fc.constantFrom(...actorIds),
    scope: fc.constantFrom(...scopes),
    status: fc.constantFrom(...statuses),
    requestId: fc.option(fc.constantFrom(...odd), { nil: undefined }),
    occurTime: fc.option(fc.constantFrom(...occurTimes), { nil: undefined }),
  })
  .map(({ resource, actorType, actorId, requestId, occurTime, ...rest }) => ({
    ...rest,
    actor: { type: actorType, id: actorType === "system" ? "system" : actorId },
    ...(resource === undefined
      ? {}
      : { resource: { type: resource.type, ...(resource.id ? { id: resource.id } : {}) } }),
    ...(occurTime === undefined ? {} : { occurTime }),
    details: requestId === undefined ? {} : { requestId },
  }));

let database: TestDatabase;
let server: TestServer;
let session: pg.Client;
/** Reads what admins may read too, and what members may. */
let clients: Record<"admin" | "member", TestClients>;
const teamId = newId("team");
const otherTeamId = newId("team");
/** The team's entries, oldest first. */
const corpus: Entry[] = [];

beforeAll(async () => {
  database = await createDatabase();
  const pools = openPools(
    { connection: { connectionString: database.url }, singleSession: false },
    1,
    (error) => expect.fail(error.message),
  );
  const team = parseTeamId(teamId) as TeamId;
  const others = parseTeamId(otherTeamId) as TeamId;
  const parts = fc.sample(corpusEntry, { numRuns: 360, seed: 1 });
  for (const [i, part] of parts.entries()) {
    // One transaction each gives them record times of their own; the other team's are between.
    const entry = { ...newEntry(i % 9 === 0 ? others : team), ...part };
    const { appended } = await append(pools.write, [{ ...entry, bytes: encodedBytes(entry) }]);
    corpus.push(...appended.filter((e) => e.teamId === team));
  }
  await pools.close();
  session = new pg.Client({ connectionString: database.url });
  await session.connect();
  server = await startTestServer({ database });
  const client = async (role: "admin" | "member") =>
    server.clients(await server.jwt({ role, teamId }));
  clients = { admin: await client("admin"), member: await client("member") };
});

afterAll(async () => {
  await server.close();
  await session.end();
  await database.drop();
});

/** Mostly nothing, else a few of the words, of which one is in no entry. */
function some<T>(words: readonly T[]): fc.Arbitrary<T[]> {
  return fc.oneof(
    { weight: 3, arbitrary: fc.constant<T[]>([]) },
    {
      weight: 2,
      arbitrary: fc.subarray([...words], { minLength: 1, maxLength: Math.min(4, words.length) }),
    },
  );
}

function range(times: () => readonly number[]): fc.Arbitrary<TimeRange | undefined> {
  const bound = fc.option(
    fc.tuple(fc.nat(), fc.integer({ min: -1, max: 1 })).map(([n, shift]) => {
      const all = times();
      return (all[n % all.length] ?? 0) + shift;
    }),
    { nil: undefined },
  );
  const present = fc.tuple(bound, bound).map(([a, b]) => {
    if (a === undefined && b === undefined) return undefined;
    if (a === undefined || b === undefined || a === b) {
      return a === undefined ? { to: b as number } : { from: a };
    }
    return { from: Math.min(a, b), to: Math.max(a, b) };
  });
  return fc.oneof(
    { weight: 3, arbitrary: fc.constant(undefined) },
    { weight: 2, arbitrary: present },
  );
}

const conditions: fc.Arbitrary<Conditions> = fc
  .record({
    resourceTypes: some([...resourceTypes, "absent"]),
    resourceIds: some([...odd, "absent"]),
    actions: some([...actions, "absent"]),
    actorIds: some([...actorIds, "absent"]),
    actorTypes: some<ActorType>(actorTypes),
    scopes: some(scopes),
    statuses: some(statuses),
    requestIds: some([...odd, "absent"]),
    recordTime: range(() => corpus.map(({ recordTime }) => recordTime)),
    occurTime: range(() => occurTimes),
  })
  .map(({ recordTime, occurTime, ...fields }) => ({
    ...fields,
    ...(recordTime === undefined ? {} : { recordTime }),
    ...(occurTime === undefined ? {} : { occurTime }),
  }));

const filters: fc.Arbitrary<Filter> = fc.record({
  include: fc.oneof({ weight: 3, arbitrary: conditions }, fc.constant(noConditions)),
  exclude: fc.oneof({ weight: 3, arbitrary: conditions }, fc.constant(noConditions)),
});

function toWire({ include, exclude }: Filter): EntryFilter {
  const message = (from: Conditions) => ({
    resourceTypes: [...from.resourceTypes],
    resourceIds: [...from.resourceIds],
    actions: [...from.actions],
    actorIds: [...from.actorIds],
    actorTypes: from.actorTypes.map((type) => wire.actorTypes[type]),
    scopes: from.scopes.map((scope) => wire.scopes[scope]),
    statuses: from.statuses.map((status) => wire.statuses[status]),
    requestIds: [...from.requestIds],
    ...(from.recordTime === undefined ? {} : { recordTime: times(from.recordTime) }),
    ...(from.occurTime === undefined ? {} : { occurTime: times(from.occurTime) }),
  });
  const times = ({ from, to }: TimeRange) => ({
    ...(from === undefined ? {} : { from: timestampFromMs(from) }),
    ...(to === undefined ? {} : { to: timestampFromMs(to) }),
  });
  return create(EntryFilterSchema, { ...message(include), exclude: message(exclude) });
}

function sequences(entries: readonly { sequence: bigint }[]): number[] {
  return entries.map(({ sequence }) => Number(sequence));
}

async function listAll(
  { audit }: TestClients,
  request: Parameters<TestClients["audit"]["list"]>[0],
): Promise<AuditEntry[]> {
  const entries: AuditEntry[] = [];
  const cursors = new Set<string>();
  let pageToken = "";
  do {
    const page = await audit.list({ ...request, pageToken });
    entries.push(...page.entries);
    cursors.add(page.cursor);
    pageToken = page.nextPageToken;
  } while (pageToken !== "");
  expect(cursors.size).toBe(1);
  return entries;
}

async function streamAll({ audit }: TestClients, filter: EntryFilter): Promise<AuditEntry[]> {
  const entries: AuditEntry[] = [];
  const start = { case: "beginning", value: {} } as const;
  for await (const message of audit.stream({ filter, start, stopAtHead: true })) {
    entries.push(...message.entries);
  }
  return entries;
}

test("the predicate, its SQL, List and Stream agree on what a filter means", async () => {
  let found = 0;
  await fc.assert(
    fc.asyncProperty(
      filters,
      fc.constantFrom("admin", "member"),
      fc.constantFrom(ListOrder.NEWEST_FIRST, ListOrder.OLDEST_FIRST),
      fc.integer({ min: 40, max: 250 }),
      async (filter, role, order, pageSize) => {
        const visible: Filter = role === "admin" ? filter : { ...filter, visible: ["team"] };
        const expected = sequences(corpus.filter((entry) => matches(visible, entry)));
        found += expected.length;

        const values: unknown[] = [parseTeamId(teamId)];
        const where = ["team_id = $1", ...filterSql(visible, values)].join(" AND ");
        const { rows } = await session.query<{ sequence: string }>(
          `SELECT sequence FROM control_plane.audit_logs WHERE ${where} ORDER BY sequence`,
          values,
        );
        expect(rows.map(({ sequence }) => Number(sequence))).toEqual(expected);

        const message = toWire(filter);
        const listed = await listAll(clients[role], { filter: message, order, pageSize });
        const oldestFirst = order === ListOrder.NEWEST_FIRST ? listed.toReversed() : listed;
        expect(sequences(oldestFirst)).toEqual(expected);
        expect(sequences(await streamAll(clients[role], message))).toEqual(expected);
      },
    ),
    { numRuns: 1_000 },
  );
  // Filters that match nothing would prove nothing.
  expect(found).toBeGreaterThan(10_000);
}, 120_000);

test.each([ListOrder.NEWEST_FIRST, ListOrder.OLDEST_FIRST])(
  "pages of any size make the same list in order %s",
  async (order) => {
    const filter = create(EntryFilterSchema, { statuses: [wire.statuses.error] });
    const all = corpus.filter(({ status }) => status === "error");
    const expected = sequences(order === ListOrder.NEWEST_FIRST ? all.toReversed() : all);
    for (const pageSize of [1, 2, 3, 7, 0, expected.length - 1, expected.length, 200, 1_000]) {
      const listed = await listAll(clients.admin, { filter, order, pageSize });
      expect(sequences(listed)).toEqual(expected);
    }
  },
);

test("over all teams too, a filter means what its predicate does, in both orders", async () => {
  const admin = server.clients(await server.jwt({ role: "platform_admin" }));
  const { rows } = await session.query<EntryRow>({
    text: `SELECT ${entryColumns} FROM control_plane.audit_logs ORDER BY record_time, team_id, sequence`,
    types: columnTypes,
  } as pg.QueryConfig);
  const everyTeam = rows.map(entryFromRow);
  const key = (entry: { teamId: string; sequence: bigint }) =>
    `${entry.teamId.replace(/^team-/, "")}/${entry.sequence}`;
  const known = new Set(everyTeam.map(key));
  await fc.assert(
    fc.asyncProperty(filters, fc.integer({ min: 40, max: 250 }), async (filter, pageSize) => {
      const expected = everyTeam.filter((entry) => matches(filter, entry)).map(key);
      for (const order of [ListOrder.NEWEST_FIRST, ListOrder.OLDEST_FIRST]) {
        const request = { allTeams: true, filter: toWire(filter), order, pageSize };
        // Reading all teams is itself recorded, each time.
        const listed = (await listAll(admin, request)).map(key).filter((k) => known.has(k));
        expect(order === ListOrder.NEWEST_FIRST ? listed.toReversed() : listed).toEqual(expected);
      }
    }),
    { numRuns: 50 },
  );
}, 60_000);

test("a page token serves only its team, filter, order and reader's scopes", async () => {
  const filter = create(EntryFilterSchema, { actions: ["create", "delete"] });
  const { audit } = clients.admin;
  const { nextPageToken: pageToken } = await audit.list({ filter, pageSize: 3 });
  expect((await audit.list({ filter, pageSize: 5, pageToken })).entries).toHaveLength(5);
  const mismatch = {
    code: Code.InvalidArgument,
    rawMessage: expect.stringContaining("belongs to"),
  };
  const other = create(EntryFilterSchema, { actions: ["create"] });
  await expect(audit.list({ filter: other, pageToken })).rejects.toMatchObject(mismatch);
  await expect(audit.list({ pageToken })).rejects.toMatchObject(mismatch);
  const order = ListOrder.OLDEST_FIRST;
  await expect(audit.list({ filter, order, pageToken })).rejects.toMatchObject(mismatch);
  await expect(clients.member.audit.list({ filter, pageToken })).rejects.toMatchObject(mismatch);
  const platform = server.clients(await server.jwt({ role: "platform_admin" })).audit;
  await expect(platform.list({ teamId: otherTeamId, filter, pageToken })).rejects.toMatchObject(
    mismatch,
  );
  await expect(platform.list({ allTeams: true, filter, pageToken })).rejects.toMatchObject({
    code: Code.InvalidArgument,
  });
  for (const broken of [pageToken.slice(1), `${pageToken}A`, "!", "A".repeat(5_000)]) {
    await expect(audit.list({ filter, pageToken: broken })).rejects.toMatchObject({
      code: Code.InvalidArgument,
    });
  }
});
