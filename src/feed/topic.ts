import type { Entry } from "../log/entry.ts";
import { Ring } from "./ring.ts";

/** What woke a wait. */
export type Wake = "more" | "timeout" | "aborted";

/**
 * One followed log in memory: how far it is known to go, a ring of its most recent entries, and
 * those who wait for more. The ring reaches to the end that is known or is empty: what comes after
 * an entry may have erased its details.
 */
export class Topic {
  /** The highest sequence known to be committed. */
  size = 0n;
  /** Subscriptions that follow this topic. */
  followers = 0;
  /** How often it has been woken, for {@link wait}. */
  wakes = 0;
  /** How often its past came into doubt: who follows it then makes sure of its own position. */
  doubts = 0;
  readonly #ring: Ring;
  readonly #waiting = new Set<() => void>();

  constructor(maxEntries: number) {
    this.#ring = new Ring(maxEntries);
  }

  /** Bytes of the entries in the ring. */
  get bytes(): number {
    return this.#ring.bytes;
  }

  /** Takes committed entries of consecutive sequences; what is known already is passed over. */
  push(entries: readonly Entry[]): void {
    const end = entries.at(-1)?.sequence;
    // An older stretch than is known of: the ring would not reach to the end.
    if (end === undefined || end < this.size) return;
    this.#ring.push(entries);
    this.size = end;
  }

  /** Hears that the log goes so far, without its entries: those in the ring are outdated. */
  reach(size: bigint): void {
    if (size <= this.size) return;
    this.size = size;
    this.clear();
    this.wake();
  }

  /** Drops the older half of the ring. */
  shrink(): void {
    this.#ring.shrink();
  }

  /** Forgets the ring. */
  clear(): void {
    this.#ring.clear();
  }

  /** Up to `limit` entries right after a sequence, or undefined if the ring does not have them. */
  after(sequence: bigint, limit: number): readonly Entry[] | undefined {
    return this.#ring.after(sequence, limit);
  }

  /** Has all who follow make sure of their positions: the log may not be the one it was. */
  doubt(): void {
    this.clear();
    this.doubts += 1;
    this.wake();
  }

  /** Wakes all who wait. */
  wake(): void {
    this.wakes += 1;
    for (const resume of [...this.#waiting]) resume();
  }

  /**
   * Waits until woken, for at most `ms`, or until the signal aborts; not at all if it has been
   * woken since `wakes` was read.
   */
  wait(ms: number, signal: AbortSignal, wakes = this.wakes): Promise<Wake> {
    if (signal.aborted) return Promise.resolve("aborted");
    if (wakes !== this.wakes) return Promise.resolve("more");
    return new Promise((resolve) => {
      const end = (wake: Wake) => {
        clearTimeout(timer);
        signal.removeEventListener("abort", onAbort);
        this.#waiting.delete(resume);
        resolve(wake);
      };
      const resume = () => end("more");
      const onAbort = () => end("aborted");
      const timer = setTimeout(() => end("timeout"), ms);
      this.#waiting.add(resume);
      signal.addEventListener("abort", onAbort, { once: true });
    });
  }
}
