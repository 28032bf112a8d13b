/**
 * Loaded into a server before its program (`--import`, with `--expose-gc`): at SIGUSR2 it collects
 * garbage and writes what memory is left into the file `HEAP_REPORT`.
 */
import { renameSync, writeFileSync } from "node:fs";

const file = process.env.HEAP_REPORT ?? "";

process.on("SIGUSR2", () => {
  // What is freed by finalisers of the first is collected by the second.
  globalThis.gc?.();
  setImmediate(() => {
    globalThis.gc?.();
    writeFileSync(`${file}.new`, JSON.stringify(process.memoryUsage()));
    renameSync(`${file}.new`, file);
  });
});
