/** Entries that have arrived and are not shown yet. */
import { recordMs, type TrailRow } from "../trail/trail-row.ts";

/** What was taken out of a buffer. */
export interface Arrivals {
  /** In the order of arrival, at most the buffer's limit: the latest. */
  readonly rows: readonly TrailRow[];
  /** How many came before them and were given up. */
  readonly dropped: number;
  /** The latest record time of one given up, in milliseconds. */
  readonly droppedMs: number | undefined;
}

/**
 * Holds what arrives until the table takes it: the latest `limit` rows, however long nobody takes any.
 * A row that `isShown`, or that came before, is passed over.
 */
export class LiveBuffer {
  readonly #isShown: (row: TrailRow) => boolean;
  readonly #limit: number;
  #rows: TrailRow[] = [];
  #keys = new Set<string>();
  #dropped = 0;
  #droppedMs: number | undefined;

  constructor(isShown: (row: TrailRow) => boolean, limit: number) {
    this.#isShown = isShown;
    this.#limit = limit;
  }

  /** How many have arrived since the last were taken, those given up among them. */
  get count(): number {
    return this.#rows.length + this.#dropped;
  }

  /** Whether rows were given up, so that those held do not join what is shown. */
  get hasGap(): boolean {
    return this.count > this.#limit;
  }

  /** Takes a row in; false if it is known. */
  add(row: TrailRow): boolean {
    const key = row.key;
    if (this.#keys.has(key) || this.#isShown(row)) return false;
    this.#keys.add(key);
    this.#rows.push(row);
    // By whole limits, so that each row is moved once on average.
    if (this.#rows.length >= 2 * this.#limit) this.#drop();
    return true;
  }

  /** Takes everything out. */
  take(): Arrivals {
    if (this.#rows.length > this.#limit) this.#drop();
    const arrivals = { rows: this.#rows, dropped: this.#dropped, droppedMs: this.#droppedMs };
    this.clear();
    return arrivals;
  }

  /** Forgets everything. */
  clear(): void {
    this.#rows = [];
    this.#keys = new Set();
    this.#dropped = 0;
    this.#droppedMs = undefined;
  }

  #drop(): void {
    for (const row of this.#rows.slice(0, -this.#limit)) {
      this.#keys.delete(row.key);
      this.#droppedMs = Math.max(this.#droppedMs ?? Number.NEGATIVE_INFINITY, recordMs(row));
      this.#dropped += 1;
    }
    this.#rows = this.#rows.slice(-this.#limit);
  }
}
