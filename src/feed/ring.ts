import type { Entry } from "../log/entry.ts";
import { erasedBy, isErasure } from "../log/erasure.ts";
import { encodedBytes } from "../log/size.ts";

/**
 * A log's most recent entries in memory, without holes. An entry that records an erasure is
 * applied to those before it.
 */
export class Ring {
  readonly #maxEntries: number;
  #entries: Entry[] = [];
  #bytes = 0;

  constructor(maxEntries: number) {
    this.#maxEntries = maxEntries;
  }

  /** Bytes of the entries. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Takes the next entries in the order of their sequences; ones it has are passed over. */
  push(entries: readonly Entry[]): void {
    for (const entry of entries) {
      const last = this.#entries.at(-1);
      if (last !== undefined && entry.sequence <= last.sequence) continue;
      // A hole: what is before it is of no use to one who needs what is in it, and may have been
      // erased by it.
      if (last !== undefined && entry.sequence > last.sequence + 1n) this.clear();
      if (isErasure(entry)) this.#erase(entry);
      this.#entries.push(entry);
      this.#bytes += entry.bytes;
    }
    const excess = this.#entries.length - this.#maxEntries;
    if (excess > 0) this.#drop(excess);
  }

  /** Up to `limit` entries right after a sequence, or undefined if they are not all here. */
  after(sequence: bigint, limit: number): readonly Entry[] | undefined {
    const [first, last] = [this.#entries[0], this.#entries.at(-1)];
    if (first === undefined || last === undefined) return undefined;
    if (sequence + 1n < first.sequence || sequence >= last.sequence) return undefined;
    const start = Number(sequence + 1n - first.sequence);
    return this.#entries.slice(start, start + limit);
  }

  /** Drops the older half. */
  shrink(): void {
    this.#drop(Math.ceil(this.#entries.length / 2));
  }

  /** Drops everything. */
  clear(): void {
    this.#entries = [];
    this.#bytes = 0;
  }

  #drop(count: number): void {
    for (const entry of this.#entries.splice(0, count)) this.#bytes -= entry.bytes;
  }

  /** Replaces what an entry says was erased; if it cannot be told what that is, drops everything. */
  #erase(erasure: Entry): void {
    const first = this.#entries[0]?.sequence;
    if (first === undefined) return;
    const ranges = erasedBy(erasure);
    if (ranges === undefined) {
      this.clear();
      return;
    }
    for (const { from, to } of ranges) {
      const start = from < first ? first : from;
      for (let at = Number(start - first); at <= Number(to - first); at++) {
        const entry = this.#entries[at];
        if (entry === undefined) break;
        if (entry.detailsState !== "present") continue;
        const erased = withoutDetails(entry);
        this.#entries[at] = erased;
        this.#bytes += erased.bytes - entry.bytes;
      }
    }
  }
}

/** The entry as it is in the database once its details have been erased. */
function withoutDetails({ detailsSalt: _, ...entry }: Entry): Entry {
  const erased: Entry = { ...entry, details: {}, detailsState: "erased" };
  return { ...erased, bytes: encodedBytes(erased) };
}
