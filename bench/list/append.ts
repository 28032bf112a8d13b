import type { TeamId } from "../../src/ids.ts";
import { append } from "../../src/store/append.ts";
import { KnownLogs } from "../../src/store/known-logs.ts";
import type { BenchDatabase } from "../database.ts";
import { findPostmaster, postgresCpuSeconds } from "../load/cpu.ts";
import { figure, middle, progress } from "../report.ts";
import { cpuMicros, elapsedMillis, inTurns, median, medianRatio } from "../samples.ts";
import type { Setting } from "../suite.ts";
import { type Traffic, traffic } from "../traffic.ts";
import type { TrailShelf } from "./shelf.ts";

const batchEntries = 200;
/** Past the thousandth entry, after which a session makes its plans anew. */
const warmUpBatches = 8;

/** What appending an entry took, all batches of a round together. */
interface Cost {
  readonly clockMicros: number;
  readonly nodeCpuMicros: number;
  /** NaN if the database is not on this machine. */
  readonly postgresCpuMicros: number;
  readonly walBytes: number;
  /** Pages of 8 kB that were logged whole, for the first change since a checkpoint. */
  readonly wholePages: number;
}

/** What appending to the large log costs, by the size of the trail, and to a log that is empty in each round. */
export async function measureAppends(setting: Setting, shelf: TrailShelf): Promise<void> {
  const { report, rounds, quick, postgres } = setting;
  const trails = await shelf.open();
  const last = trails.at(-1);
  if (last === undefined) throw new Error("there are no trails");
  const turns = quick ? rounds : Math.max(rounds, 25);
  // All are dropped at the end: that is a checkpoint, after which pages are logged whole.
  await using cleanup = new AsyncDisposableStack();
  const empties: BenchDatabase[] = [];
  for (let i = 0; i <= turns; i++) empties.push(cleanup.use(await postgres.createDatabase()));
  // What it took to make them is not to be written back in somebody's turn.
  await last.database.execute("CHECKPOINT");
  const postmaster = await findPostmaster(last.database.url);
  const batches = quick ? 10 : 20;
  const other = traffic(last.small);
  const costTo = (teamId: TeamId) => {
    const next = traffic(teamId);
    return (database: BenchDatabase) => measureCost({ database, other, next, batches, postmaster });
  };
  const toEmpty = costTo(last.large);
  progress(`list: appending in batches of ${batchEntries}, in turns`);
  const empty = "empty";
  const costs = await inTurns<string, Cost>(turns, {
    [empty]: () => toEmpty(empties.pop() as BenchDatabase),
    ...Object.fromEntries(
      trails.map(({ entries, database, large }) => {
        const toTrail = costTo(large);
        return [figure(entries), () => toTrail(database)];
      }),
    ),
  });
  const of = (name: string, part: keyof Cost) => (costs[name] ?? []).map((cost) => cost[part]);
  report.table({
    title: `Appending an entry to the large log, in batches of ${batchEntries}`,
    columns: [
      "entries",
      "µs by the clock",
      "µs of Node",
      "µs of PostgreSQL",
      "bytes of WAL",
      "whole pages",
    ],
    rows: Object.keys(costs).map((name) => [
      name,
      middle(of(name, "clockMicros")),
      middle(of(name, "nodeCpuMicros")),
      postmaster === undefined ? "not on this machine" : middle(of(name, "postgresCpuMicros")),
      middle(of(name, "walBytes")),
      middle(of(name, "wholePages")),
    ]),
    note:
      `Median (range) of ${turns} rounds that take turns, each of ${batches} batches one after another. The empty log is ` +
      `of another database in each round, in which another team has ${figure((warmUpBatches + 1) * batchEntries)} by then; ` +
      `the others have ${figure(batches * batchEntries)} entries more in each round. µs of CPU time. WAL and PostgreSQL's CPU are of all its ` +
      "databases; whole pages are those that it logs in full, 8 kB, at their first change after a checkpoint.",
  });
  const clock = (name: string) => of(name, "clockMicros");
  report.curve({
    title: "Append by entries",
    goal: "append-cost",
    x: { label: "entries", scale: "log" },
    y: { label: "µs an entry", scale: "linear" },
    series: [
      {
        name: "append",
        points: trails.map(({ entries }) => [entries, median(clock(figure(entries)))]),
      },
      {
        name: "to an empty log",
        points: trails.map(({ entries }) => [entries, median(clock(empty))]),
      },
    ],
  });
  report.claim({
    id: "list.append.growth",
    goal: "append-cost",
    what: `Appending to half of ${figure(last.entries)} entries over appending to none, by the clock`,
    measured: medianRatio(clock(figure(last.entries)), clock(empty)),
    unit: "×",
    target: { atMost: 1.3 },
  });
}

interface Round {
  readonly database: BenchDatabase;
  /** Of another team, to warm up: not counted. */
  readonly other: Traffic;
  readonly next: Traffic;
  readonly batches: number;
  readonly postmaster: number | undefined;
}

async function measureCost({ database, other, next, batches, postmaster }: Round): Promise<Cost> {
  const work = Array.from({ length: batches }, () => next(batchEntries));
  const appendAll = async (known: KnownLogs, all: readonly ReturnType<Traffic>[]) => {
    for (const batch of all) await append(database.pools.write, batch, { known });
  };
  // After these the session has made its plans, also for a log that it does not know yet.
  const warmUp = Array.from({ length: warmUpBatches }, () => other(batchEntries));
  await appendAll(new KnownLogs(), warmUp);
  await appendAll(new KnownLogs(), [other(batchEntries)]);
  const before = await readWal(database);
  const cpuBefore = postmaster === undefined ? Number.NaN : postgresCpuSeconds(postmaster);
  let clockMillis = 0;
  const nodeCpu = await cpuMicros(async () => {
    clockMillis = await elapsedMillis(() => appendAll(new KnownLogs(), work));
  });
  const cpuAfter = postmaster === undefined ? Number.NaN : postgresCpuSeconds(postmaster);
  const after = await readWal(database);
  const entries = batches * batchEntries;
  return {
    clockMicros: (clockMillis * 1_000) / entries,
    nodeCpuMicros: nodeCpu / entries,
    postgresCpuMicros: ((cpuAfter - cpuBefore) * 1_000_000) / entries,
    walBytes: (after.bytes - before.bytes) / entries,
    wholePages: (after.wholePages - before.wholePages) / entries,
  };
}

/** What of the write-ahead log the sessions have made until now, the appending one's account brought up to date. */
async function readWal({ pools }: BenchDatabase): Promise<{ bytes: number; wholePages: number }> {
  await pools.write.query("SELECT pg_stat_force_next_flush()");
  const { rows } = await pools.write.query<{ bytes: number; wholePages: number }>(
    `SELECT wal_bytes::float8 AS bytes, wal_fpi::float8 AS "wholePages" FROM pg_stat_wal`,
  );
  return rows[0] as { bytes: number; wholePages: number };
}
