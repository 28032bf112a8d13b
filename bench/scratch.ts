import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const signals = { SIGHUP: 129, SIGINT: 130, SIGTERM: 143 } as const;

/**
 * Makes the directory that this process's temporary files go to from now on, and removes it on dispose or
 * when a signal ends the process, after what was started has been ended by its owners' exit handlers.
 */
export function openScratch(): Disposable {
  const directory = mkdtempSync(join(tmpdir(), "annals-bench-"));
  const remove = () => rmSync(directory, { recursive: true, force: true, maxRetries: 5 });
  process.env.TMPDIR = directory;
  for (const [signal, code] of Object.entries(signals)) {
    process.once(signal, () => {
      process.once("exit", remove);
      process.exit(code);
    });
  }
  return { [Symbol.dispose]: remove };
}
