import { randomInt } from "node:crypto";
import fc from "fast-check";
import pg from "pg";
import { afterAll, beforeAll, expect, test } from "vitest";
import { formatTeamId, type TeamId } from "../../src/ids.ts";
import { type Counts, countStride, kinds, noCounts } from "../../src/log/counts.ts";
import type { Millis, NewEntry } from "../../src/log/entry.ts";
import { append } from "../../src/store/append.ts";
import { countBefore } from "../../src/store/counts.ts";
import { migrateUp } from "../../src/store/migrate.ts";
import { openPools, type Pools } from "../../src/store/pool.ts";
import { newEntry, newTeam } from "../support/new-entry.ts";
import { createDatabase, type TestDatabase } from "../support/postgres.ts";
import { insertTimedLog, prune, type TimedEntry } from "../support/timed-log.ts";

let database: TestDatabase;
let pools: Pools;
let superuser: pg.Client;

beforeAll(async () => {
  database = await createDatabase();
  superuser = new pg.Client({ connectionString: database.url });
  await superuser.connect();
  pools = openPools(
    { connection: { connectionString: database.url }, singleSession: false },
    16,
    (error) => expect.fail(error.message),
  );
});

afterAll(async () => {
  await pools.close();
  await superuser.end();
  await database.drop();
});

function randomEntries(teamId: TeamId, count: number): NewEntry[] {
  return Array.from({ length: count }, () => ({
    ...newEntry(teamId),
    ...(kinds[randomInt(kinds.length)] ?? {}),
  }));
}

/** Everything that is stored of a log's counts, as text. */
async function storedCounts(client: Pick<pg.ClientBase, "query">, teamId: TeamId) {
  const head = await client.query<{ counts: string }>(
    "SELECT counts::text FROM control_plane.audit_log_heads WHERE team_id = $1",
    [teamId],
  );
  const sums = await client.query<{ line: string }>(
    `SELECT concat_ws(' ', size, record_time, counts) AS line
     FROM control_plane.audit_log_counts WHERE team_id = $1 ORDER BY size`,
    [teamId],
  );
  return { head: head.rows[0]?.counts, sums: sums.rows.map(({ line }) => line) };
}

/** The same, counted from the entries one by one. */
async function naiveCounts(client: Pick<pg.ClientBase, "query">, teamId: TeamId) {
  const { rows } = await client.query<{ status: string; scope: string; time: string }>(
    `SELECT status, scope, record_time::text AS time FROM control_plane.audit_logs
     WHERE team_id = $1 ORDER BY sequence`,
    [teamId],
  );
  const counts = [...noCounts];
  const sums: string[] = [];
  for (const [i, { status, scope, time }] of rows.entries()) {
    const kind = kinds.findIndex((each) => each.status === status && each.scope === scope);
    counts[kind] = (counts[kind] ?? 0) + 1;
    if ((i + 1) % countStride === 0) sums.push(`${i + 1} ${time} {${counts.join()}}`);
  }
  return { head: `{${counts.join()}}`, sums };
}

test("16 writers, some of whose transactions are rolled back, leave exact counts", async () => {
  const teams = [newTeam(), newTeam(), newTeam()];
  let rolledBack = 0;
  const writer = async () => {
    for (let n = 0; n < 12; n++) {
      const entries = teams
        .filter(() => randomInt(2) === 0)
        .flatMap((team) => randomEntries(team, 1 + randomInt(60)));
      // No address, which PostgreSQL refuses; statements that count are sent along all the same.
      const refused = { ...newEntry(teams[0] as TeamId), details: { ipAddress: "nowhere" } };
      try {
        await append(pools.write, randomInt(4) === 0 ? [...entries, refused] : entries);
      } catch (error) {
        const { code } = error as pg.DatabaseError;
        if (code === "22P02") rolledBack += 1;
        // Somebody else holds a head; the group commit would come again.
        else if (code === "55P03") n -= 1;
        else throw error;
      }
    }
  };
  await Promise.all(Array.from({ length: 16 }, writer));
  expect(rolledBack).toBeGreaterThan(0);
  for (const team of teams) {
    const stored = await storedCounts(superuser, team);
    expect(stored).toEqual(await naiveCounts(superuser, team));
    expect(stored.sums.length).toBeGreaterThan(3);
    // What count_log() makes of the entries is the same.
    await superuser.query("SELECT control_plane.count_log($1)", [team]);
    expect(await storedCounts(superuser, team)).toEqual(stored);
  }
});

test("entries that were recorded before are not counted twice", async () => {
  const team = newTeam();
  const entries = randomEntries(team, 100);
  await append(pools.write, entries);
  await append(pools.write, [...entries.slice(40), ...randomEntries(team, 70)]);
  expect(await storedCounts(superuser, team)).toEqual(await naiveCounts(superuser, team));
});

test("the migration counts the logs that are there", async () => {
  await using old = await createDatabase();
  const client = new pg.Client({ connectionString: old.url });
  await client.connect();
  try {
    const teams = [];
    const all: TimedEntry[] = Array.from({ length: 200 }, (_, i) => ({
      recordTime: 1_700_000_000_000 + Math.floor(i / 7) * 1_000,
      ...(kinds[i % kinds.length] ?? { status: "info", scope: "team" }),
    }));
    for (const size of [0, 1, 32, 33, 200]) {
      teams.push((await insertTimedLog(client, all.slice(0, size))).id);
    }
    await client.query(`
      DROP FUNCTION control_plane.count_log;
      DROP TABLE control_plane.audit_log_counts;
      ALTER TABLE control_plane.audit_log_heads DROP COLUMN counts;
      DELETE FROM control_plane.migrations WHERE name >= '0004_counts'`);
    expect(await migrateUp({ connectionString: old.url }, () => undefined)).toContain(
      "0004_counts",
    );
    for (const team of teams) {
      expect(await storedCounts(client, team)).toEqual(await naiveCounts(client, team));
    }
  } finally {
    await client.end();
  }
});

const arbitraryLog = fc
  .array(fc.tuple(fc.oneof({ weight: 5, arbitrary: fc.constant(0) }, fc.nat(40)), fc.nat(7)), {
    maxLength: 700,
  })
  .map((steps) => {
    let recordTime = 1_700_000_000_000;
    return steps.map(([later, kind]): TimedEntry => {
      recordTime += later;
      return { recordTime, ...(kinds[kind] ?? { status: "info", scope: "team" }) };
    });
  });

test("what was recorded before any time is counted exactly, in logs that were pruned too", async () => {
  await fc.assert(
    fc.asyncProperty(
      arbitraryLog.filter(({ length }) => length > 0),
      fc.double({ min: 0, max: 1, noNaN: true }),
      fc.array(fc.tuple(fc.nat(), fc.integer({ min: -1, max: 1 })), { minLength: 1, maxLength: 9 }),
      async (entries, share, picks) => {
        // Anywhere, not only where a sum is stored.
        const floor = 1 + Math.floor(share * Math.floor(entries.length / 256) * 256);
        const log = await insertTimedLog(superuser, entries, floor);
        const times = picks.map(([n, shift]): Millis => {
          const at = entries[n % entries.length]?.recordTime ?? 0;
          return at + shift;
        });
        const counted = await countBefore(pools.read, log.id, times);
        const held = entries.slice(floor - 1);
        const naive = times.map(
          (time): Counts =>
            kinds.map(
              ({ status, scope }) =>
                held.filter(
                  (entry) =>
                    entry.recordTime < time && entry.status === status && entry.scope === scope,
                ).length,
            ),
        );
        expect(counted).toEqual(naive);
      },
    ),
    { numRuns: 60 },
  );
});

test("a log that is counted anew after it was pruned has the same counts", async () => {
  const entries: TimedEntry[] = Array.from({ length: 600 }, (_, i) => ({
    recordTime: 1_700_000_000_000 + i,
    ...(kinds[i % 5] ?? { status: "info", scope: "team" }),
  }));
  const log = await insertTimedLog(superuser, entries);
  await prune(superuser, log.id, 300);
  const time = 1_700_000_000_000 + 450;
  const before = await countBefore(pools.read, log.id, [time]);
  await superuser.query("SELECT control_plane.count_log($1)", [log.id]);
  expect(await countBefore(pools.read, log.id, [time])).toEqual(before);
  const total = (counts: readonly Counts[] | undefined) =>
    counts?.[0]?.reduce((all, count) => all + count);
  expect(total(before)).toBe(450 - 299);
});

test("counts that do not add up are not used, and not kept until the log is counted anew", async () => {
  const team = newTeam();
  await append(pools.write, randomEntries(team, 100));
  await superuser.query(
    "UPDATE control_plane.audit_log_heads SET counts[1] = counts[1] + 1 WHERE team_id = $1",
    [team],
  );
  const { appended } = await append(pools.write, randomEntries(team, 100));
  expect(appended.length, formatTeamId(team)).toBe(100);
  expect(await countBefore(pools.read, team, [Date.now()])).toBeUndefined();
  expect((await storedCounts(superuser, team)).sums.length).toBe(3);

  await superuser.query("SELECT control_plane.count_log($1)", [team]);
  await append(pools.write, randomEntries(team, 100));
  expect(await storedCounts(superuser, team)).toEqual(await naiveCounts(superuser, team));
});

test.each([
  [
    "sums are missing",
    "DELETE FROM control_plane.audit_log_counts WHERE team_id = $1 AND size > 64",
  ],
  ["there are none", "DELETE FROM control_plane.audit_log_counts WHERE team_id = $1"],
  [
    "sums are those of a log that was restored without them, and has grown again",
    `UPDATE control_plane.audit_log_counts SET record_time = record_time - interval '5 ms'
     WHERE team_id = $1`,
  ],
  [
    "sums are there of entries that are not",
    `UPDATE control_plane.audit_log_counts
     SET size = size + 1000, counts[1] = counts[1] + 1000 WHERE team_id = $1`,
  ],
])("counts are not used where %s, in logs that were pruned too", async (_, meddling) => {
  const entries: TimedEntry[] = Array.from({ length: 600 }, (_each, i) => ({
    recordTime: 1_700_000_000_000 + i * 10,
    ...(kinds[i % 5] ?? { status: "info", scope: "team" }),
  }));
  for (const floor of [1, 33, 300]) {
    const { id } = await insertTimedLog(superuser, entries, floor);
    const time = 1_700_000_000_000 + 4_504;
    expect(await countBefore(pools.read, id, [time])).toBeDefined();
    await superuser.query(meddling, [id]);
    expect(await countBefore(pools.read, id, [time]), `from ${floor}`).toBeUndefined();
    await superuser.query("SELECT control_plane.count_log($1)", [id]);
    expect(await countBefore(pools.read, id, [time])).toBeDefined();
  }
});

test("counting anew and appending at once take turns", async () => {
  const team = newTeam();
  await append(pools.write, randomEntries(team, 300));
  const writer = async () => {
    for (let n = 0; n < 20; n++) await append(pools.write, randomEntries(team, 20));
  };
  const counter = async () => {
    for (let n = 0; n < 10; n++) {
      await superuser.query("SELECT control_plane.count_log($1)", [team]);
    }
  };
  await Promise.all([writer(), counter()]);
  expect(await storedCounts(superuser, team)).toEqual(await naiveCounts(superuser, team));
});
