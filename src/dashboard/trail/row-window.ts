/** The rows that are held: a stretch of the trail without a gap, newest first, each row once. */
import { recordMs, type TrailRow } from "./trail-row.ts";

/**
 * A stretch of the trail that grows at both ends. What is trimmed at one end can be read again: the
 * record time that trimming answers with bounds a new list, whose rows that are still held are left out.
 */
export class RowWindow {
  #rows: readonly TrailRow[] = [];
  #keys = new Set<string>();

  /** Newest first. A new array whenever something changed. */
  get rows(): readonly TrailRow[] {
    return this.#rows;
  }

  /** Whether a row is held. */
  has(row: TrailRow): boolean {
    return this.#keys.has(row.key);
  }

  /** Puts rows, newest first, below those held; those held already are left out. */
  addOlder(rows: readonly TrailRow[]): number {
    const fresh = this.#take(rows);
    if (fresh.length > 0) this.#rows = [...this.#rows, ...fresh];
    return fresh.length;
  }

  /** Puts rows, newest first, above those held; those held already are left out. */
  addNewer(rows: readonly TrailRow[]): number {
    const fresh = this.#take(rows);
    if (fresh.length > 0) this.#rows = [...fresh, ...this.#rows];
    return fresh.length;
  }

  /**
   * Drops the lowest rows beyond `limit`. Answers with the latest record time of a dropped one, in
   * milliseconds; undefined if none was.
   */
  trimOldest(limit: number): number | undefined {
    const dropped = this.#rows.slice(limit);
    if (dropped.length === 0) return undefined;
    this.#rows = this.#rows.slice(0, limit);
    this.#forget(dropped);
    return latestMs(dropped);
  }

  /** Drops the highest rows beyond `limit`: how many, and the earliest record time of one. */
  trimNewest(limit: number): { count: number; ms: number } | undefined {
    const count = this.#rows.length - limit;
    if (count <= 0) return undefined;
    const dropped = this.#rows.slice(0, count);
    this.#rows = this.#rows.slice(count);
    this.#forget(dropped);
    return { count, ms: Math.min(...dropped.map(recordMs)) };
  }

  /** Holds other rows instead. Answers with the latest record time of those given up. */
  replace(rows: readonly TrailRow[]): number | undefined {
    const dropped = this.#rows;
    this.#keys = new Set();
    this.#rows = this.#take(rows);
    return latestMs(dropped);
  }

  #take(rows: readonly TrailRow[]): TrailRow[] {
    return rows.filter((row) => {
      const key = row.key;
      if (this.#keys.has(key)) return false;
      this.#keys.add(key);
      return true;
    });
  }

  #forget(rows: readonly TrailRow[]): void {
    for (const row of rows) this.#keys.delete(row.key);
  }
}

function latestMs(rows: readonly TrailRow[]): number | undefined {
  let latest: number | undefined;
  for (const row of rows) latest = Math.max(latest ?? Number.NEGATIVE_INFINITY, recordMs(row));
  return latest;
}
