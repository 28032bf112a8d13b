import { fork } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { RecorderOptions } from "../../src/client/recorder/create-recorder.ts";
import { type Cell, figure, progress } from "../report.ts";
import type { Setting } from "../suite.ts";

/** What a process has to do. */
export interface MemoryTask {
  readonly recorder: RecorderOptions;
  readonly perSecond: number;
  readonly seconds: number;
}

/** What it found: entries, and sizes in MiB. */
export interface MemoryFigures {
  readonly made: number;
  readonly peakRss: number;
  /** V8's heap and what it holds outside. */
  readonly peakHeap: number;
  /** After the garbage was collected. */
  readonly rss: number;
  readonly heap: number;
  readonly waiting: number;
  readonly spilled: number;
  readonly dropped: number;
  readonly diskMiB: number;
}

const perSecond = 10_000;
const main = fileURLToPath(new URL("memory-process.ts", import.meta.url));
/** Nobody listens there. */
const nowhere = "http://127.0.0.1:1";
/** Enough for a minute: the disk's own limit is not what is measured. */
const spillMaxBytes = 2 ** 30;

/** How much memory a program takes that records on while the server is down. */
export async function measureMemory({ report, seconds }: Setting): Promise<void> {
  const directory = await mkdtemp(join(tmpdir(), "annals-bench-spill-"));
  try {
    const ways: Readonly<Record<string, RecorderOptions>> = {
      "baseline: a recorder that is not configured": {},
      "without spilling": { baseUrl: nowhere, token: "none" },
      spilling: { baseUrl: nowhere, token: "none", spillDirectory: directory, spillMaxBytes },
    };
    const rows: Cell[][] = [];
    for (const [name, recorder] of Object.entries(ways)) {
      progress(`memory: ${name}, ${seconds} s`);
      const figures = await measure({ recorder, perSecond, seconds });
      const { made, waiting, spilled, dropped, diskMiB } = figures;
      const { peakRss, rss, peakHeap, heap } = figures;
      rows.push([name, peakRss, rss, peakHeap, heap, made, waiting, spilled, dropped, diskMiB]);
    }
    report.table({
      title: `${figure(perSecond)} entries a second for ${seconds} s with the server down: MiB and entries`,
      columns: [
        "",
        "RSS, peak",
        "RSS, end",
        "heap, peak",
        "heap, end",
        "made",
        "in memory",
        "spilled",
        "dropped",
        "on disk, MiB",
      ],
      rows,
      note:
        "A process each. Heap: V8's and what it holds outside; at the end, garbage collected. " +
        "Limits as they come: 10,000 entries or 16 MiB in memory.",
    });
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

async function measure(task: MemoryTask): Promise<MemoryFigures> {
  const child = fork(main, {
    execArgv: ["--expose-gc"],
    stdio: ["ignore", "ignore", "inherit", "ipc"],
  });
  const ended = once(child, "close");
  child.send(task);
  const [figures] = await Promise.race([
    once(child, "message"),
    ended.then(() => {
      throw new Error("the process has ended without figures");
    }),
  ]);
  await ended;
  return figures as MemoryFigures;
}
