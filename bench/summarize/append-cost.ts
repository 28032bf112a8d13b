import { randomUUID } from "node:crypto";
import type { TeamId } from "../../src/ids.ts";
import { append } from "../../src/store/append.ts";
import { importAppendWith } from "../append-variant.ts";
import type { BenchDatabase } from "../database.ts";
import { middle, progress } from "../report.ts";
import { cpuMicros, elapsedMillis, inTurns, median, type Rounds } from "../samples.ts";
import type { Setting } from "../suite.ts";
import { traffic } from "../traffic.ts";

const fullRounds = 15;
const quickRounds = 2;
/** Entries in a transaction, and transactions in a round. */
const sizes = [
  { batchEntries: 200, batches: 60 },
  { batchEntries: 1, batches: 150 },
] as const;

/** What an append costs with and without counts: the whole of it, in this process and by the clock. */
export async function measureAppendCost({ postgres, report, quick }: Setting): Promise<void> {
  const rounds = quick ? quickRounds : fullRounds;
  await using database = await postgres.createDatabase();
  const without = await importAppendWith(
    "/log/counts.ts",
    new URL("./uncounted.ts", import.meta.url),
  );
  for (const size of sizes) {
    const { batchEntries, batches } = size;
    progress(`append: ${rounds} rounds of ${batches} batches of ${batchEntries}, with and without`);
    const cpu = await inTurns(rounds, {
      with: appending(database, append, size, cpuMicros),
      without: appending(database, without, size, cpuMicros),
    });
    const clock = await inTurns(rounds, {
      with: appending(database, append, size, micros),
      without: appending(database, without, size, micros),
    });
    const row = (name: string, samples: Record<"with" | "without", Rounds>) => [
      name,
      middle(samples.with),
      middle(samples.without),
      median(samples.with) - median(samples.without),
    ];
    report.table({
      title: `Appending in batches of ${batchEntries}: µs an entry`,
      columns: ["", "with counts", "baseline: without", "difference of the medians"],
      rows: [row("Node CPU", cpu), row("by the clock, one batch after another", clock)],
      note: "Median (range) of rounds that take turns. The baseline's head has the counts' column.",
    });
  }
}

async function micros(work: () => Promise<void>): Promise<number> {
  return (await elapsedMillis(work)) * 1_000;
}

function appending(
  database: BenchDatabase,
  appendTo: typeof append,
  { batchEntries, batches }: (typeof sizes)[number],
  measure: (work: () => Promise<void>) => Promise<number>,
): () => Promise<number> {
  const next = traffic(randomUUID() as TeamId);
  return async () => {
    const work = Array.from({ length: batches }, () => next(batchEntries));
    const total = await measure(async () => {
      for (const batch of work) await appendTo(database.pools.write, batch);
    });
    return total / (batches * batchEntries);
  };
}
