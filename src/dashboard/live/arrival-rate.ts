/** How fast entries arrive: a mean over the last whole seconds. */

const secondsKept = 5;

/** Counts arrivals by second. */
export class ArrivalRate {
  /** Whole seconds since 1970 and what arrived in them, ascending. */
  #seconds: { readonly second: number; count: number }[] = [];

  /** Counts one arrival. */
  add(nowMs: number): void {
    const second = Math.floor(nowMs / 1_000);
    const last = this.#seconds.at(-1);
    if (last?.second === second) {
      last.count += 1;
      return;
    }
    this.#seconds.push({ second, count: 1 });
    if (this.#seconds.length > secondsKept + 1) this.#seconds.shift();
  }

  /** Entries a second, over the five whole seconds before this one. */
  perSecond(nowMs: number): number {
    const now = Math.floor(nowMs / 1_000);
    let count = 0;
    for (const each of this.#seconds) {
      if (each.second < now && each.second >= now - secondsKept) count += each.count;
    }
    return count / secondsKept;
  }

  /** Forgets what arrived. */
  clear(): void {
    this.#seconds = [];
  }
}
