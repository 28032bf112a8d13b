/** A process that records at a steady rate and measures its own memory; see memory.ts. */
import { setTimeout as delay } from "node:timers/promises";
import { createRecorder } from "../../src/client/recorder/create-recorder.ts";
import { entryMaker } from "./entries.ts";
import type { MemoryFigures, MemoryTask } from "./memory.ts";

const MiB = 1024 * 1024;
const tickMs = 10;
const sampleMs = 100;

// Nobody is left who would want the figures.
process.once("disconnect", () => process.exit(0));

process.once("message", (task: MemoryTask) => {
  void run(task).then((figures) => {
    process.send?.(figures, () => process.exit(0));
  });
});

async function run({ recorder: options, perSecond, seconds }: MemoryTask): Promise<MemoryFigures> {
  const recorder = createRecorder(options);
  // Without a listener each kind of event becomes a warning.
  recorder.on("unreachable", () => undefined);
  recorder.on("dropped", () => undefined);
  const make = entryMaker();
  let peakRss = 0;
  let peakHeap = 0;
  const sample = () => {
    const { rss, heapUsed, external } = process.memoryUsage();
    peakRss = Math.max(peakRss, rss);
    peakHeap = Math.max(peakHeap, heapUsed + external);
  };
  const sampler = setInterval(sample, sampleMs);
  const start = performance.now();
  let made = 0;
  for (let elapsed = 0; elapsed < seconds * 1_000; elapsed = performance.now() - start) {
    // What a late timer has missed is made up for.
    for (const due = (elapsed / 1_000) * perSecond; made < due; made++) recorder.record(make());
    await delay(tickMs);
  }
  clearInterval(sampler);
  sample();
  globalThis.gc?.();
  const { rss, heapUsed, external } = process.memoryUsage();
  const { stats } = recorder;
  return {
    made,
    peakRss: peakRss / MiB,
    peakHeap: peakHeap / MiB,
    rss: rss / MiB,
    heap: (heapUsed + external) / MiB,
    waiting: stats.waiting.entries,
    spilled: stats.spilled,
    dropped: stats.dropped.overflow,
    diskMiB: stats.onDisk.bytes / MiB,
  };
}
