import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay, setImmediate } from "node:timers/promises";
import { Worker } from "node:worker_threads";
import type { NewEntry } from "../../src/client/new-entry.ts";
import { createRecorder, type RecorderOptions } from "../../src/client/recorder/create-recorder.ts";
import { type Cell, figure, progress } from "../report.ts";
import { latencies, percentile, type Samples } from "../samples.ts";
import { startServer } from "../server.ts";
import type { Setting } from "../suite.ts";
import { adminToken } from "../token.ts";
import { entryMaker } from "./entries.ts";
import { openInsertByHand } from "./insert-by-hand.ts";

/** Calls a round and pattern, rounds, and inserts by hand. */
const full = { calls: 10_000, rounds: 4, insertCalls: 2_000 };
const quickly = { calls: 1_000, rounds: 1, insertCalls: 200 };
const answerDelayMs = 200;
const targetMicros = 20;
/** Nobody listens there. */
const nowhere = "http://127.0.0.1:1";

/** How calls follow one another: so many, then what is waited for. */
const patterns = {
  paced: { callsATurn: 5, pause: () => delay(1) },
  // The event loop turns in between, or nothing would ever be sent.
  busy: { callsATurn: 500, pause: () => setImmediate() },
} as const;
type Pattern = keyof typeof patterns;

/** What is timed, by its name in the table. */
type Timed = Map<string, { readonly isRecord: boolean; readonly micros: number[] }>;

/** How long the call to `record` takes, while the server is in one state or another. */
export async function measureCall({ postgres, report, quick }: Setting): Promise<void> {
  const { calls, rounds, insertCalls } = quick ? quickly : full;
  await using database = await postgres.createDatabase();
  await using server = await startServer(database.url);
  await using cleanup = new AsyncDisposableStack();
  const directory = await mkdtemp(join(tmpdir(), "annals-bench-spill-"));
  cleanup.defer(() => rm(directory, { recursive: true, force: true }));
  const proxy = new Worker(new URL("./slow-proxy.ts", import.meta.url), {
    workerData: { upstream: server.url, delayMs: answerDelayMs },
  });
  cleanup.defer(async () => {
    await proxy.terminate();
  });
  const [slowUrl] = (await once(proxy, "message")) as [string];

  const roomy = { maxEntries: 2 * calls, maxBytes: 2 ** 30 };
  const overfull = { baseUrl: nowhere, maxEntries: calls / 10 };
  const states: Readonly<Record<string, RecorderOptions>> = {
    "server up": { baseUrl: server.url, ...roomy },
    [`every answer ${answerDelayMs} ms late`]: { baseUrl: slowUrl, ...roomy },
    "server down, memory filling": { baseUrl: nowhere, ...roomy },
    "server down, memory full, dropping": overfull,
    "server down, memory full, spilling": { ...overfull, spillDirectory: directory },
  };
  const timed: Readonly<Record<Pattern, Timed>> = { paced: new Map(), busy: new Map() };
  for (let round = 0; round <= rounds; round++) {
    progress(`call: round ${round} of ${rounds}`);
    for (const pattern of ["paced", "busy"] as const) {
      const time = async (name: string, isRecord: boolean, call: (entry: NewEntry) => void) => {
        const took = await timeCalls(pattern, calls, call);
        const known = timed[pattern].get(name)?.micros ?? [];
        // The first is for warming up.
        timed[pattern].set(name, { isRecord, micros: round === 0 ? [] : [...known, ...took] });
      };
      for (const [name, options] of Object.entries(states)) {
        const recorder = createRecorder({ ...options, token: adminToken });
        recorder.on("unreachable", () => undefined);
        recorder.on("dropped", () => undefined);
        await time(name, true, (entry) => recorder.record(entry));
        await recorder.close({ timeoutMs: options.baseUrl === nowhere ? 1 : 10_000 });
      }
      await time("baseline: a call that does nothing", false, () => undefined);
      await time("baseline: JSON.stringify of the entry", false, (entry) => JSON.stringify(entry));
    }
  }
  const byHand = await openInsertByHand(database);
  cleanup.use(byHand);
  const make = entryMaker();
  const inserts = (await latencies(insertCalls, () => byHand.insert(make()))).map(
    (ms) => ms * 1_000,
  );
  tell(report, timed.paced, {
    pattern: "paced",
    others: [row("baseline: await INSERT by hand, one after another", inserts)],
    note:
      `${figure(rounds * calls)} calls each, ${patterns.paced.callsATurn} at each turn of a 1 ms timer, ` +
      "in turns, the making of the entry left out and garbage collection left in; " +
      `${figure(insertCalls)} inserts.`,
  });
  tell(report, timed.busy, {
    pattern: "in a busy loop",
    others: [],
    note:
      `${figure(rounds * calls)} calls each in the same process, ${patterns.busy.callsATurn} at each ` +
      "turn of an event loop that never sleeps.",
  });
}

/** Adds the table of one pattern to the report, and what is claimed of it. */
function tell(
  report: Setting["report"],
  timed: Timed,
  { pattern, others, note }: { pattern: string; others: readonly Cell[][]; note: string },
): void {
  const rows: Cell[][] = [];
  for (const [name, { isRecord, micros }] of timed) {
    micros.sort((a, b) => a - b);
    rows.push(row(name, micros));
    if (!isRecord) continue;
    report.claim({
      what: `the call to record, ${pattern}, ${name}, p99`,
      measured: percentile(micros, 0.99),
      unit: "µs",
      target: { atMost: targetMicros },
    });
  }
  report.table({
    title: `The call to record, ${pattern}: µs`,
    columns: ["", "p50", "p99", "p99.9", "most"],
    rows: [...rows, ...others],
    note,
  });
}

function row(name: string, values: Samples): Cell[] {
  return [name, ...[0.5, 0.99, 0.999, 1].map((share) => percentile(values, share))];
}

/**
 * Times calls, in microseconds. Paced, a few are made each time that the process has slept; busy, one after
 * another.
 */
async function timeCalls(
  pattern: Pattern,
  calls: number,
  call: (entry: NewEntry) => void,
): Promise<number[]> {
  const { callsATurn, pause } = patterns[pattern];
  const make = entryMaker();
  const took: number[] = [];
  while (took.length < calls) {
    for (let i = 0; i < callsATurn; i++) {
      const entry = make();
      const start = performance.now();
      call(entry);
      took.push((performance.now() - start) * 1_000);
    }
    await pause();
  }
  return took;
}
