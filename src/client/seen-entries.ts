/**
 * The most recent entries by team and sequence: what comes again after a resume across teams is
 * dropped by it. Holds up to `limit` entries, forgetting the oldest first.
 */
export class SeenEntries {
  readonly #keys: Set<string>;
  readonly #limit: number;

  /** `recent` are keys from `recent()`, oldest first. */
  constructor(recent: Iterable<string> = [], limit = 100_000) {
    this.#keys = new Set(recent);
    this.#limit = limit;
  }

  /** Remembers an entry; false if it was there already. */
  add(teamId: string, sequence: bigint): boolean {
    const key = `${teamId}/${sequence}`;
    if (this.#keys.has(key)) return false;
    this.#keys.add(key);
    if (this.#keys.size > this.#limit) {
      for (const oldest of this.#keys) {
        this.#keys.delete(oldest);
        break;
      }
    }
    return true;
  }

  /** The keys of the last `count` entries, oldest first. */
  recent(count: number): string[] {
    return [...this.#keys].slice(Math.max(0, this.#keys.size - count));
  }
}
