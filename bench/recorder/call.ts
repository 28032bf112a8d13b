import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { Worker } from "node:worker_threads";
import type { NewEntry } from "../../src/client/new-entry.ts";
import { createRecorder, type RecorderOptions } from "../../src/client/recorder/create-recorder.ts";
import { adminToken } from "../../test/support/server-process.ts";
import { type Cell, figure, progress } from "../report.ts";
import { latencies, percentile, type Samples } from "../samples.ts";
import { startServer } from "../server.ts";
import type { Setting } from "../suite.ts";
import { entryMaker } from "./entries.ts";
import { openInsertByHand } from "./insert-by-hand.ts";

/** Calls a round, at each turn of a timer so many. */
const calls = 10_000;
const callsATurn = 5;
const rounds = 4;
const answerDelayMs = 200;
const insertCalls = 2_000;
const targetMicros = 20;
/** Nobody listens there. */
const nowhere = "http://127.0.0.1:1";

/** How long the call to `record` takes, while the server is in one state or another. */
export async function measureCall({ postgres, report }: Setting): Promise<void> {
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

  const states: Readonly<Record<string, RecorderOptions>> = {
    up: { baseUrl: server.url },
    slow: { baseUrl: slowUrl },
    down: { baseUrl: nowhere, maxEntries: 2 * calls, maxBytes: 2 ** 30 },
    full: { baseUrl: nowhere, maxEntries: calls / 10 },
    spilling: { baseUrl: nowhere, maxEntries: calls / 10, spillDirectory: directory },
  };
  const samples = new Map<string, number[]>(Object.keys(states).map((name) => [name, []]));
  const nothing: number[] = [];
  const json: number[] = [];
  for (let round = 0; round <= rounds; round++) {
    progress(`call: round ${round} of ${rounds}`);
    const kept = (values: number[]) => (round === 0 ? [] : values);
    for (const [name, options] of Object.entries(states)) {
      const recorder = createRecorder({ ...options, token: adminToken });
      recorder.on("unreachable", () => undefined);
      recorder.on("dropped", () => undefined);
      const took = await timeCalls((entry) => recorder.record(entry));
      samples.get(name)?.push(...kept(took));
      await recorder.close({ timeoutMs: name === "up" || name === "slow" ? 10_000 : 1 });
    }
    nothing.push(...kept(await timeCalls(() => undefined)));
    json.push(...kept(await timeCalls((entry) => JSON.stringify(entry))));
  }
  const byHand = await openInsertByHand(database);
  cleanup.use(byHand);
  const make = entryMaker();
  const inserts = await latencies(insertCalls, () => byHand.insert(make()));

  const named: Readonly<Record<string, string>> = {
    up: "server up",
    slow: `every answer ${answerDelayMs} ms late`,
    down: "server down, memory filling",
    full: "server down, memory full, dropping",
    spilling: "server down, memory full, spilling",
  };
  const rows: Cell[][] = [];
  for (const [name, values] of samples) {
    values.sort((a, b) => a - b);
    rows.push(row(named[name] ?? name, values));
    report.claim({
      what: `the call to record, ${named[name]}, p99`,
      measured: percentile(values, 0.99),
      unit: "µs",
      target: { atMost: targetMicros },
    });
  }
  const ascending = (values: number[]) => values.sort((a, b) => a - b);
  rows.push(row("baseline: a call that does nothing", ascending(nothing)));
  rows.push(row("baseline: JSON.stringify of the entry", ascending(json)));
  rows.push(
    row(
      "baseline: await INSERT by hand, one after another",
      inserts.map((ms) => ms * 1_000),
    ),
  );
  report.table({
    title: "The call to record: µs",
    columns: ["", "p50", "p99", "p99.9", "most"],
    rows,
    note:
      `${figure(rounds * calls)} calls each, ${callsATurn} at each turn of a 1 ms timer, in turns, the ` +
      "making of the entry left out and garbage collection left in; " +
      `${figure(insertCalls)} inserts.`,
  });
}

function row(name: string, values: Samples): Cell[] {
  return [name, ...[0.5, 0.99, 0.999, 1].map((share) => percentile(values, share))];
}

/** Times calls, in microseconds, made as a busy service makes them: a few at a time, with pauses. */
async function timeCalls(call: (entry: NewEntry) => void): Promise<number[]> {
  const make = entryMaker();
  const took: number[] = [];
  while (took.length < calls) {
    for (let i = 0; i < callsATurn; i++) {
      const entry = make();
      const start = performance.now();
      call(entry);
      took.push((performance.now() - start) * 1_000);
    }
    await delay(1);
  }
  return took;
}
