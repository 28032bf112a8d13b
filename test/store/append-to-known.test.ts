import fc from "fast-check";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { EntryId, TeamId } from "../../src/ids.ts";
import { appendLimits } from "../../src/limits.ts";
import { addEntries, noCounts } from "../../src/log/counts.ts";
import type { Entry, NewEntry } from "../../src/log/entry.ts";
import { Frontier } from "../../src/log/merkle.ts";
import { sha256 } from "../../src/log/sha256.ts";
import { append } from "../../src/store/append.ts";
import { readWatermark } from "../../src/store/heads.ts";
import { KnownLogs } from "../../src/store/known-logs.ts";
import { openPools, type Pools } from "../../src/store/pool.ts";
import { newEntry, newTeam } from "../support/new-entry.ts";
import { createDatabase } from "../support/postgres.ts";

const cleanup = new AsyncDisposableStack();
let pools: Pools;
beforeAll(async () => {
  const { url } = cleanup.use(await createDatabase());
  const connection = { connectionString: url };
  pools = openPools({ connection, singleSession: false }, 4, (error) => expect.fail(error.message));
  cleanup.defer(() => pools.close());
});
afterAll(() => cleanup.disposeAsync());

/** A process that appends, with what it knows. */
class Process {
  /** How they turned out. A machine that stands still for a while makes none wrong. */
  readonly guesses: boolean[] = [];
  readonly known = new KnownLogs({ clockAgeMs: 30_000, recordTimeLagMs: 30_000 }, (right) =>
    this.guesses.push(right),
  );
  async append(...entries: readonly NewEntry[]): Promise<readonly Entry[]> {
    const result = await append(pools.write, entries, { known: this.known });
    return entries.map(({ teamId, id }) => result.entries.get(teamId)?.get(id) as Entry);
  }
}

const sequencesOf = (entries: readonly Entry[]) => entries.map(({ sequence }) => Number(sequence));

/** Fails unless the log is dense, its times never go back, and head, tiles and counts are its own. */
async function expectWhole(teamId: TeamId): Promise<number> {
  const { rows } = await pools.read.query<{
    sequence: bigint;
    record_time: number;
    leaf_hash: Buffer;
    status: "success";
    scope: "team";
  }>(
    `SELECT sequence, record_time, leaf_hash, status, scope FROM control_plane.audit_logs
     WHERE team_id = $1 ORDER BY sequence`,
    [teamId],
  );
  expect(rows.map(({ sequence }) => Number(sequence))).toEqual(rows.map((_, i) => i + 1));
  expect(rows.map((row) => row.record_time)).toEqual(
    rows.map((row) => row.record_time).toSorted((a, b) => a - b),
  );
  const frontier = new Frontier(sha256);
  const counts = [...noCounts];
  for (const row of rows) {
    frontier.append(row.leaf_hash);
    addEntries(counts, row);
  }
  const heads = await pools.read.query<{ size: bigint; frontier: Buffer; counts: string[] }>(
    "SELECT size, frontier, counts FROM control_plane.audit_log_heads WHERE team_id = $1",
    [teamId],
  );
  expect(heads.rows).toEqual([
    {
      size: BigInt(rows.length),
      frontier: Buffer.concat(frontier.hashes),
      counts: counts.map(String),
    },
  ]);
  const tiles = await pools.read.query<{ tiles: bigint; hashes: bigint; counted: bigint }>(
    `SELECT count(*) AS tiles, coalesce(sum(octet_length(hashes)), 0)::bigint AS hashes, (
       SELECT count(*) FROM control_plane.audit_log_counts WHERE team_id = $1) AS counted
     FROM control_plane.audit_log_tiles WHERE team_id = $1`,
    [teamId],
  );
  const full = BigInt(Math.floor(rows.length / 256));
  const counted = BigInt(Math.floor(rows.length / 32));
  expect(tiles.rows).toEqual([{ tiles: full, hashes: full * 256n * 32n, counted }]);
  return rows.length;
}

test("of entries under one id the first is appended, whether the log's end is known or not", async () => {
  const process = new Process();
  const team = newTeam();
  for (const sequence of [1, 2]) {
    const first = newEntry(team, "create");
    const entries = await process.append(first, newEntry(team, "delete", first.id));
    expect(entries.map(({ action }) => action)).toEqual(["create", "create"]);
    expect(sequencesOf(entries)).toEqual([sequence, sequence]);
  }
  expect(process.guesses).toEqual([true]);
  expect(await expectWhole(team)).toBe(2);
});

test("a process goes on in one go from where it left its logs, over tiles and counts", async () => {
  const process = new Process();
  const teams = [newTeam(), newTeam()] as const;
  for (let round = 0; round < 12; round++) {
    const entries = Array.from({ length: 60 }, (_, i) => newEntry(teams[i % 2] as TeamId));
    expect(sequencesOf(await process.append(...entries))).toEqual(
      entries.map((_, i) => round * 30 + Math.floor(i / 2) + 1),
    );
  }
  expect(process.guesses).toEqual(Array(11).fill(true));
  for (const team of teams) expect(await expectWhole(team)).toBe(360);
});

test("what another process has appended is noticed, and nothing is written on a wrong guess", async () => {
  const [one, other] = [new Process(), new Process()];
  const [shared, own] = [newTeam(), newTeam()];
  await one.append(newEntry(shared), newEntry(own));
  await other.append(newEntry(shared));
  expect(sequencesOf(await one.append(newEntry(own), newEntry(shared)))).toEqual([2, 3]);
  expect(one.guesses).toEqual([false]);
  // The next appends do without a guess, and the log is its own again if nobody disturbs it.
  for (const sequence of [4, 5, 6]) {
    expect(sequencesOf(await one.append(newEntry(shared)))).toEqual([sequence]);
  }
  expect(one.guesses).toEqual([false]);
  expect(sequencesOf(await one.append(newEntry(shared)))).toEqual([7]);
  expect(one.guesses).toEqual([false, true]);
  for (const team of [shared, own]) await expectWhole(team);
});

test("an entry recorded before is found, not appended", async () => {
  const process = new Process();
  const team = newTeam();
  const first = newEntry(team);
  const [recorded] = await process.append(first);
  await process.append(newEntry(team));
  expect(await process.append(newEntry(team), first)).toMatchObject([{ sequence: 3n }, recorded]);
  expect(process.guesses).toEqual([true, false]);
  await expectWhole(team);
});

test("a log of the same size with another past is not gone on from", async () => {
  const process = new Process();
  const team = newTeam();
  await process.append(newEntry(team), newEntry(team), newEntry(team));
  const changed = Buffer.alloc(64, 7);
  await pools.write.query(
    "UPDATE control_plane.audit_log_heads SET frontier = $2 WHERE team_id = $1",
    [team, changed],
  );
  await process.append(newEntry(team));
  expect(process.guesses).toEqual([false]);
  const { rows } = await pools.read.query<{ frontier: Buffer }>(
    "SELECT frontier FROM control_plane.audit_log_heads WHERE team_id = $1",
    [team],
  );
  // Appended to what the head says, as ever.
  const frontier = new Frontier(sha256, 3n, [changed.subarray(0, 32), changed.subarray(32)]);
  const leaf = await pools.read.query<{ leaf_hash: Buffer }>(
    "SELECT leaf_hash FROM control_plane.audit_logs WHERE team_id = $1 AND sequence = 4",
    [team],
  );
  frontier.append(leaf.rows[0]?.leaf_hash as Buffer);
  expect(rows[0]?.frontier).toEqual(Buffer.concat(frontier.hashes));
});

test("counts that were counted anew meanwhile are gone on from", async () => {
  const process = new Process();
  const team = newTeam();
  await process.append(newEntry(team), newEntry(team));
  await pools.write.query(
    `UPDATE control_plane.audit_log_heads SET counts[1] = counts[1] + 1, counts[2] = counts[2] - 1
     WHERE team_id = $1`,
    [team],
  );
  const counts = async () => {
    const { rows } = await pools.read.query<{ counts: string[] }>(
      "SELECT counts FROM control_plane.audit_log_heads WHERE team_id = $1",
      [team],
    );
    return rows[0]?.counts.map(Number) ?? [];
  };
  const before = await counts();
  const entry = newEntry(team);
  await process.append(entry);
  expect(process.guesses).toEqual([false]);
  addEntries(before, entry);
  expect(await counts()).toEqual(before);
});

test("the guard is not told of sizes that were not found under the lock", async () => {
  const team = newTeam();
  const other = new Process();
  const known = new KnownLogs();
  const judged: bigint[] = [];
  const asked: bigint[] = [];
  let signed = 0n;
  const record = () =>
    append(pools.write, [newEntry(team)], {
      known,
      accepts: (_, size) => {
        asked.push(size);
        return size >= signed;
      },
      guard: (_, size) => {
        judged.push(size);
        return size >= signed ? "append" : new Error("rolled back");
      },
    });
  await record();
  await other.append(newEntry(team), newEntry(team));
  signed = 3n;
  known.tell(Date.now());
  const { appended } = await record();
  expect(sequencesOf(appended)).toEqual([4]);
  expect(asked).toEqual([1n]);
  expect(judged).toEqual([0n, 3n]);
});

test("what is recorded as earlier than its transaction is not below the watermark before it is there", async () => {
  const process = new Process();
  const team = newTeam();
  await process.append(newEntry(team));
  const holder = await pools.read.connect();
  try {
    await holder.query("BEGIN");
    await holder.query("SELECT FROM control_plane.audit_log_heads WHERE team_id = $1 FOR UPDATE", [
      team,
    ]);
    const { rows } = await pools.read.query<{ now: number }>("SELECT clock_timestamp() AS now");
    process.known.tell((rows[0]?.now ?? 0) - appendLimits.recordTimeLagMs);
    const held = process.append(newEntry(team));
    // The clock's slack is the lesser at first, then the start of the transaction that waits.
    const seen: number[] = [];
    do seen.push(await readWatermark(pools.read));
    while (seen.at(-1) !== seen.at(-20) || seen.length < 20);
    await holder.query("ROLLBACK");
    const [entry] = await held;
    expect(process.guesses).toEqual([true]);
    expect(entry?.recordTime).toBeGreaterThanOrEqual(seen.at(-1) as number);
  } finally {
    holder.release();
  }
});

test.each([
  ["ahead", 60_000],
  ["behind", -60_000],
])("a clock that is %s of the database's is not believed", async (_, offsetMs) => {
  const process = new Process();
  const team = newTeam();
  await process.append(newEntry(team));
  const before = Date.now();
  process.known.tell(before + offsetMs);
  const [entry] = await process.append(newEntry(team));
  expect(process.guesses).toEqual([false]);
  expect(Math.abs((entry?.recordTime ?? 0) - before)).toBeLessThan(30_000);
  await expectWhole(team);
});

test("logs are forgotten, those that came first", () => {
  const known = new KnownLogs({ knownLogs: 2 });
  const teams = [newTeam(), newTeam(), newTeam()] as const;
  known.tell(1_000);
  for (const team of teams) {
    const frontier = new Frontier(sha256);
    frontier.append(Buffer.alloc(32));
    known.left(new Map([[team, { frontier, recordTime: 1_000, counts: noCounts }]]));
  }
  expect(known.guess([teams[0]])).toBeUndefined();
  expect(known.guess([teams[1], teams[2]])?.logs.size).toBe(2);
});

test("whatever processes append to the same logs at once, each is dense and has each entry once", async () => {
  const teams = Array.from({ length: 3 }, newTeam);
  const ids = Array.from({ length: 40 }, () => newEntry(newTeam()).id);
  const batch = fc.uniqueArray(
    fc.record({ team: fc.constantFrom(...teams), id: fc.option(fc.constantFrom(...ids)) }),
    { minLength: 1, maxLength: 40, selector: ({ team, id }) => (id ? team + id : Symbol()) },
  );
  // Chance alone may never leave a process undisturbed for two batches of new entries, nor repeat an entry.
  const [team] = teams as [TeamId];
  const [fresh, repeated] = [
    { team, id: null },
    { team, id: ids[0] as EntryId },
  ];
  const guesses: boolean[] = [];
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.array(batch, { minLength: 1, maxLength: 6 }), { minLength: 1, maxLength: 3 }),
      async (processes) => {
        await Promise.all(
          processes.map(async (batches) => {
            const process = new Process();
            for (const wanted of batches) {
              const entries = wanted.map(({ team, id }) =>
                newEntry(team, "create", id ?? undefined),
              );
              const recorded = await process.append(...entries);
              expect(recorded.map(({ id }) => id)).toEqual(entries.map(({ id }) => id as EntryId));
            }
            guesses.push(...process.guesses);
          }),
        );
      },
    ),
    { numRuns: 40, examples: [[[[[fresh], [fresh], [repeated], [repeated]]]]] },
  );
  for (const team of teams) await expectWhole(team);
  expect(guesses).toContain(true);
  expect(guesses).toContain(false);
});
