import { longestTimerMs } from "../backoff.ts";

/** Those who wait until something is done. */
export class Flushes {
  readonly #checks = new Set<() => void>();

  /** Resolves once it is done, or the time is up, with whether it is done. */
  wait(done: () => boolean, timeoutMs: number): Promise<boolean> {
    if (done()) return Promise.resolve(true);
    return new Promise((resolve) => {
      const end = (answer: boolean) => {
        clearTimeout(timer);
        this.#checks.delete(check);
        resolve(answer);
      };
      const check = () => {
        if (done()) end(true);
      };
      const timer = setTimeout(() => end(done()), Math.min(timeoutMs, longestTimerMs));
      this.#checks.add(check);
    });
  }

  /** Something may be done. */
  check(): void {
    for (const check of [...this.#checks]) check();
  }
}
