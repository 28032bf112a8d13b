/** Exponential backoff with full jitter. */

/** How long to wait between tries, in milliseconds. */
export interface BackoffOptions {
  /** The ceiling of the first wait; it doubles with every failure. */
  baseMs: number;
  /** The highest ceiling. */
  maxMs: number;
  /** Uniform in [0, 1); Math.random unless given. */
  random?: () => number;
}

/**
 * The wait before try number `failures + 1`: uniform below the ceiling, so that many clients that
 * lost the same server do not come back together.
 */
export function backoffMs(failures: number, options: BackoffOptions): number {
  const ceiling = Math.min(options.maxMs, options.baseMs * 2 ** Math.max(0, failures - 1));
  return (options.random ?? Math.random)() * ceiling;
}

/** The longest that a timer can be set for, some 25 days: one set for longer ends at once. */
export const longestTimerMs = 2 ** 31 - 1;

/** Waits; resolves early, never rejects, when the signal is aborted. The process lives on if it is `kept`. */
export function pause(ms: number, signal: AbortSignal, kept = true): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer);
      signal.removeEventListener("abort", done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    if (!kept) timer.unref();
    signal.addEventListener("abort", done, { once: true });
  });
}
