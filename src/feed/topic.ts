import type { Entry } from "../log/entry.ts";

/** What woke a wait. */
export type Wake = "more" | "timeout" | "aborted";

/**
 * One followed log in memory: how far it is known to go, a ring of its most recent entries
 * without holes, and those who wait for more.
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
  readonly #maxEntries: number;
  #ring: Entry[] = [];
  #bytes = 0;
  readonly #waiting = new Set<() => void>();

  constructor(maxEntries: number) {
    this.#maxEntries = maxEntries;
  }

  /** Bytes of the entries in the ring. */
  get bytes(): number {
    return this.#bytes;
  }

  /** The sequence after the ring's last entry, or after the log's if the ring is empty. */
  get next(): bigint {
    const last = this.#ring.at(-1);
    return last === undefined ? this.size + 1n : last.sequence + 1n;
  }

  /** Takes committed entries in the order of their sequences; ones it has are passed over. */
  push(entries: readonly Entry[]): void {
    for (const entry of entries) {
      const last = this.#ring.at(-1);
      if (last !== undefined && entry.sequence <= last.sequence) continue;
      // A hole: what is before it is of no use to one who needs what is in it.
      if (last !== undefined && entry.sequence > last.sequence + 1n) this.clear();
      this.#ring.push(entry);
      this.#bytes += entry.bytes;
      if (entry.sequence > this.size) this.size = entry.sequence;
    }
    if (this.#ring.length > this.#maxEntries) this.#drop(this.#ring.length - this.#maxEntries);
  }

  /** Drops the older half of the ring. */
  shrink(): void {
    this.#drop(Math.ceil(this.#ring.length / 2));
  }

  /** Forgets the ring. */
  clear(): void {
    this.#ring = [];
    this.#bytes = 0;
  }

  #drop(count: number): void {
    for (const entry of this.#ring.splice(0, count)) this.#bytes -= entry.bytes;
  }

  /** Up to `limit` entries right after a sequence, or undefined if the ring does not have them. */
  after(sequence: bigint, limit: number): readonly Entry[] | undefined {
    const first = this.#ring[0];
    if (first === undefined || sequence + 1n < first.sequence || sequence >= this.next - 1n) {
      return undefined;
    }
    const start = Number(sequence + 1n - first.sequence);
    return this.#ring.slice(start, start + limit);
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
