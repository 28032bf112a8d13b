import { existsSync } from "node:fs";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";

/** What a server holds when its garbage has been collected: bytes. */
export interface HeldMemory {
  readonly heapUsed: number;
  /** Of buffers, outside of the heap. */
  readonly external: number;
  readonly rss: number;
}

/** How to start a server whose memory can be asked for, and how to ask. */
export interface HeapReports extends AsyncDisposable {
  readonly nodeOptions: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  read(pid: number): Promise<HeldMemory>;
}

const report = new URL("heap-report.ts", import.meta.url).href;
const patienceMs = 30_000;

/** Makes reports possible for one server at a time. */
export async function openHeapReports(): Promise<HeapReports> {
  const directory = await mkdtemp(join(tmpdir(), "annals-bench-heap-"));
  const file = join(directory, "memory.json");
  return {
    nodeOptions: ["--expose-gc", `--import=${report}`],
    env: { HEAP_REPORT: file },
    read: async (pid) => {
      await rm(file, { force: true });
      process.kill(pid, "SIGUSR2");
      for (const deadline = Date.now() + patienceMs; !existsSync(file); await delay(10)) {
        if (Date.now() > deadline) throw new Error("the server did not report its memory");
      }
      return JSON.parse(await readFile(file, "utf8")) as HeldMemory;
    },
    [Symbol.asyncDispose]: () => rm(directory, { recursive: true, force: true }),
  };
}
