import { longestTimerMs } from "../backoff.ts";

/** Those who wait until something is done. */
export class Flushes {
  readonly #checks = new Set<() => void>();
  #isOver = false;

  /** Resolves once it is done, or the time is up, or nothing more will be, with whether it is done. */
  wait(done: () => boolean, timeoutMs: number): Promise<boolean> {
    if (this.#isOver || done()) return Promise.resolve(done());
    return new Promise((resolve) => {
      const end = () => {
        clearTimeout(timer);
        this.#checks.delete(check);
        resolve(done());
      };
      const check = () => {
        if (this.#isOver || done()) end();
      };
      const timer = setTimeout(end, Math.min(timeoutMs, longestTimerMs));
      this.#checks.add(check);
    });
  }

  /** Something may be done. */
  check(): void {
    for (const check of [...this.#checks]) check();
  }

  /** Nothing more will be done. */
  end(): void {
    this.#isOver = true;
    this.check();
  }
}
