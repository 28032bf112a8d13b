import { randomUUID } from "node:crypto";
import fc from "fast-check";
import pg from "pg";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { TeamId } from "../../src/ids.ts";
import { scopes, statuses } from "../../src/log/entry.ts";
import {
  type Conditions,
  everything,
  type Filter,
  filterSql,
  indexWindowBits,
  noConditions,
} from "../../src/log/filter.ts";
import { columnTypes } from "../../src/store/pool.ts";
import { search } from "../../src/store/search.ts";
import { createDatabase, type TestDatabase } from "../support/postgres.ts";

const window = 2 ** indexWindowBits;
const size = 2 * window + 5_000;
/** Where the rare entries are: at the edges of windows and within. */
const rareAt = [
  1,
  2,
  9_999,
  window - 1,
  window,
  window + 1,
  2 * window - 1,
  2 * window,
  size - 700,
];

let database: TestDatabase;
let session: pg.Client;
const team = randomUUID() as TeamId;

beforeAll(async () => {
  database = await createDatabase();
  session = new pg.Client({ connectionString: database.url, types: columnTypes });
  await session.connect();
  // Two logs side by side; no statistics are gathered of them.
  await session.query(
    `INSERT INTO control_plane.audit_logs (
       id, team_id, sequence, recorder_type, recorder_id, actor_type, actor_id, resource_type,
       resource_id, action, scope, status, request_id, occur_time, record_time, details_state,
       details_salt, details_digest, leaf_hash)
     SELECT gen_random_uuid(), team, n, 'service', 'tests',
       CASE WHEN rare THEN 'anonymous' ELSE 'user' END,
       CASE WHEN rare THEN 'rare' ELSE 'usr-' || n % 50 END,
       CASE WHEN rare THEN 'rarity' WHEN n % 3 > 0 THEN 'sandbox' END,
       CASE WHEN rare THEN 'rare' WHEN n % 3 > 0 THEN 'sb-' || n % 100 END,
       CASE WHEN rare THEN 'rarity.find' ELSE 'create' END,
       CASE WHEN n % 7 = 0 THEN 'admin' ELSE 'team' END,
       CASE WHEN rare THEN 'warning' WHEN n % 5 = 0 THEN 'error' ELSE 'success' END,
       CASE WHEN rare THEN 'rare' ELSE 'req-' || n END,
       CASE WHEN rare THEN '2001-01-01'::timestamptz ELSE '2026-01-01' END,
       '2026-01-01'::timestamptz + n * interval '1 second', 'present', hash, hash, hash
     FROM (SELECT decode(repeat('07', 32), 'hex') AS hash) AS hashes,
       unnest(ARRAY[$1, gen_random_uuid()]::uuid[]) AS team,
       generate_series(1, $2::integer) AS n,
       LATERAL (SELECT n = ANY($3::integer[]) AND team = $1 AS rare) AS chosen`,
    [team, size, rareAt],
  );
});

afterAll(async () => {
  await session.end();
  await database.drop();
});

async function allThatPass(filter: Filter, from: bigint, to: bigint): Promise<bigint[]> {
  const values: unknown[] = [team, String(from), String(to)];
  const conditions = filterSql(filter, values).map((condition) => ` AND ${condition}`);
  const { rows } = await session.query<{ sequence: bigint }>(
    `SELECT sequence FROM control_plane.audit_logs
     WHERE team_id = $1 AND sequence BETWEEN $2 AND $3${conditions.join("")} ORDER BY sequence`,
    values,
  );
  return rows.map(({ sequence }) => sequence);
}

const some = <T>(...words: T[]) => fc.oneof(fc.constant([]), fc.subarray(words));

const conditions: fc.Arbitrary<Conditions> = fc
  .record({
    actorIds: some("rare", "usr-3", "usr-4", "absent"),
    resourceIds: some("rare", "sb-7", "absent"),
    resourceTypes: some("rarity", "sandbox"),
    actions: some("rarity.find", "create"),
    requestIds: some("rare", "req-20000", "req-77"),
    scopes: some(...scopes),
    statuses: some(...statuses),
    occurTime: fc.option(fc.constant({ to: Date.parse("2002-01-01") }), {
      nil: undefined,
      freq: 2,
    }),
  })
  .map(({ occurTime, ...fields }) => ({
    ...noConditions,
    ...fields,
    ...(occurTime && { occurTime }),
  }));

/** What no index helps with. */
const unaided = {
  include: noConditions,
  exclude: { ...noConditions, statuses: ["error" as const] },
  visible: undefined,
};

test("a search finds what passes, page by page, within whatever positions and time it is given", async () => {
  let found = 0;
  await fc.assert(
    fc.asyncProperty(
      fc.record({
        include: conditions,
        exclude: fc.oneof(fc.constant(noConditions), conditions),
        visible: fc.option(fc.constant(["team"] as const), { nil: undefined }),
      }),
      fc.constantFrom("newest_first", "oldest_first"),
      fc.tuple(fc.integer({ min: 1, max: size }), fc.integer({ min: 1, max: size })),
      fc.integer({ min: 1, max: 5_000 }),
      fc.constantFrom(0, 1, 1_000),
      async ({ visible, ...filter }, order, bounds, limit, searchMs) => {
        const wanted = { ...filter, ...(visible && { visible }) };
        let rest = { from: BigInt(Math.min(...bounds)), to: BigInt(Math.max(...bounds)) };
        const expected = await allThatPass(wanted, rest.from, rest.to);
        found += expected.length;
        const sequences: bigint[] = [];
        for (let n = 0; rest.from <= rest.to; n++) {
          // Beyond that there is nothing to learn of small pages.
          const limits = { limit: n < 50 ? limit : size, searchMs };
          const page = await search(session, team, rest, wanted, order, limits);
          expect(page.sequences.length).toBeLessThanOrEqual(limits.limit);
          // It gets on, whether or not it finds anything.
          const left = page.rest.to - page.rest.from;
          expect(left).toBeLessThan(rest.to - rest.from);
          sequences.push(...page.sequences);
          rest = page.rest;
        }
        expect(order === "newest_first" ? sequences.reverse() : sequences).toEqual(expected);
      },
    ),
    {
      numRuns: 80,
      // Steps that no index helps, and more in two of them than is asked for.
      examples: [
        [unaided, "newest_first", [1, size], 3_000, 1_000],
        [unaided, "oldest_first", [1, size], 3_000, 1_000],
      ],
    },
  );
  // Filters that match nothing would prove nothing.
  expect(found).toBeGreaterThan(1_000);
}, 60_000);

/** What a search finds, and how many entries each of its steps reads in vain. */
async function explained(include: Partial<Conditions>) {
  const plans: string[] = [];
  const explaining = {
    query: async (query: pg.QueryConfig) => {
      const { rows } = await session.query<{ "QUERY PLAN": string }>({
        ...query,
        text: `EXPLAIN (ANALYZE) ${query.text}`,
      });
      plans.push(...rows.map((row) => row["QUERY PLAN"]));
      return session.query(query);
    },
  } as unknown as pg.Client;
  const filter = { ...everything, include: { ...noConditions, ...include } };
  const all = { from: 1n, to: BigInt(size) };
  const limits = { limit: 50, searchMs: 60_000 };
  const { sequences } = await search(explaining, team, all, filter, "oldest_first", limits);
  const removed = plans.flatMap((line) => /Rows Removed by Filter: (\d+)/.exec(line)?.[1] ?? []);
  return { sequences, plan: plans.join("\n"), removed: Math.max(0, ...removed.map(Number)) };
}

const rareValues: { name: string; include: Partial<Conditions>; index: string }[] = [
  { name: "an actor", include: { actorIds: ["rare"] }, index: "actor" },
  {
    name: "one of a hundred actors",
    include: { actorIds: Array.from({ length: 99 }, String).concat("rare") },
    index: "actor",
  },
  { name: "a resource", include: { resourceIds: ["rare"] }, index: "resource" },
  { name: "a type of resource", include: { resourceTypes: ["rarity"] }, index: "resource_type" },
  { name: "an action", include: { actions: ["rarity.find"] }, index: "action" },
  { name: "a request", include: { requestIds: ["rare"] }, index: "request" },
  { name: "a type of actor", include: { actorTypes: ["anonymous"] }, index: "status" },
  { name: "a status", include: { statuses: ["warning"] }, index: "status" },
  {
    name: "a scope and a status",
    include: { scopes: ["admin", "team"], statuses: ["warning"] },
    index: "status",
  },
];

test("without statistics no step of a search reads more than a window", async () => {
  for (const { name, include } of rareValues) {
    const { sequences, plan, removed } = await explained(include);
    expect(sequences, name).toEqual(rareAt.map(BigInt));
    expect(plan, name).not.toContain("Seq Scan");
    expect(removed, name).toBeLessThanOrEqual(window);
  }
});

test("with statistics what is rare is found by its index, and next to nothing is read in vain", async () => {
  await session.query("ANALYZE control_plane.audit_logs");
  for (const { name, include, index } of rareValues) {
    const { sequences, plan, removed } = await explained(include);
    expect(sequences, name).toEqual(rareAt.map(BigInt));
    expect(plan, name).toContain(`audit_logs_${index}_idx`);
    expect(removed, name).toBeLessThan(100);
  }
});
