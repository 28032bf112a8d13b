import { append } from "../../src/store/append.ts";
import { KnownLogs } from "../../src/store/known-logs.ts";
import { findPostmaster, postgresCpuSeconds } from "../load/cpu.ts";
import { figure, middle, progress } from "../report.ts";
import { cpuMicros, elapsedMillis, inTurns, median, medianRatio } from "../samples.ts";
import type { Setting } from "../suite.ts";
import { traffic } from "../traffic.ts";
import type { TrailShelf } from "./shelf.ts";

const batchEntries = 200;

/** What appending to the large log costs, by the size of the trail; the first is empty. */
export async function measureAppends(setting: Setting, shelf: TrailShelf): Promise<void> {
  const { report, rounds, quick, postgres } = setting;
  const batches = quick ? 10 : 20;
  const trails = await shelf.open();
  await using empty = await postgres.createDatabase();
  const [some] = trails;
  if (some === undefined) throw new Error("there are no trails");
  const logs = [
    { name: "empty", database: empty, teamId: some.large },
    ...trails.map((trail) => ({
      name: figure(trail.entries),
      database: trail.database,
      teamId: trail.large,
    })),
  ];
  progress(`list: appending in batches of ${batchEntries}, in turns`);
  const measures = (measure: (work: () => Promise<void>) => Promise<number>) =>
    Object.fromEntries(
      logs.map(({ name, database, teamId }) => {
        const next = traffic(teamId);
        const known = new KnownLogs();
        const run = async () => {
          const work = Array.from({ length: batches }, () => next(batchEntries));
          const total = await measure(async () => {
            for (const batch of work) await append(database.pools.write, batch, { known });
          });
          return total / (batches * batchEntries);
        };
        return [name, run];
      }),
    );
  const turns = quick ? rounds : Math.max(rounds, 25);
  const clock = await inTurns(
    turns,
    measures(async (work) => (await elapsedMillis(work)) * 1_000),
  );
  const cpu = await inTurns(turns, measures(cpuMicros));
  const postmaster = await findPostmaster(empty.url);
  const database =
    postmaster === undefined
      ? undefined
      : await inTurns(
          turns,
          measures((work) => postgresMicros(postmaster, work)),
        );
  report.table({
    title: `Appending to the large log in batches of ${batchEntries}: µs an entry`,
    columns: ["entries", "by the clock", "Node CPU", "PostgreSQL CPU"],
    rows: logs.map(({ name }) => [
      name,
      middle(clock[name] ?? []),
      middle(cpu[name] ?? []),
      database === undefined ? "not on this machine" : middle(database[name] ?? []),
    ]),
    note: "Median (range) of rounds that take turns, one batch after another.",
  });
  const medians = logs.map(({ name }) => median(clock[name] ?? []));
  report.curve({
    title: "Append by entries",
    goal: "append-cost",
    x: { label: "entries", scale: "log" },
    y: { label: "µs an entry", scale: "linear" },
    series: [
      { name: "append", points: trails.map(({ entries }, i) => [entries, medians[i + 1] ?? 0]) },
      { name: "to an empty log", points: trails.map(({ entries }) => [entries, medians[0] ?? 0]) },
    ],
  });
  report.claim({
    id: "list.append.growth",
    goal: "append-cost",
    what: `Appending to half of ${figure(trails.at(-1)?.entries ?? 0)} entries over appending to none, by the clock`,
    measured: medianRatio(clock[logs.at(-1)?.name ?? ""] ?? [], clock.empty ?? []),
    unit: "×",
    target: { atMost: 1.3 },
  });
}

/** CPU time of the database, all its processes, while `work` runs. */
async function postgresMicros(postmaster: number, work: () => Promise<void>): Promise<number> {
  const before = postgresCpuSeconds(postmaster);
  await work();
  return (postgresCpuSeconds(postmaster) - before) * 1_000_000;
}
