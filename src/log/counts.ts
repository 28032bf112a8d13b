import type { TeamId } from "../ids.ts";
import { type Millis, type Scope, type Status, scopes, statuses } from "./entry.ts";
import { type Conditions, countValues, type Filter } from "./filter.ts";

/** What entries are counted by. */
export interface Kind {
  readonly status: Status;
  readonly scope: Scope;
}

/**
 * Every status with every scope, in the order of the counts that are stored: another is appended,
 * never put between.
 */
export const kinds: readonly Kind[] = statuses.flatMap((status) =>
  scopes.map((scope) => ({ status, scope })),
);

/** How many entries there are of each of {@link kinds}, in their order. */
export type Counts = readonly number[];

/** The counts of a log up to and with one of its entries. */
export interface CountedTo {
  readonly teamId: TeamId;
  /** That entry's sequence, a multiple of {@link countStride}. */
  readonly size: bigint;
  /** When it was recorded. */
  readonly recordTime: Millis;
  readonly counts: Counts;
}

/**
 * Counts are stored after each so many entries, so that a stretch of time is counted by two stored
 * sums and fewer entries than that at either end. `count_log()` in the database has it too.
 */
export const countStride = 32;

/** Of no entry. */
export const noCounts: Counts = kinds.map(() => 0);

/** Where in the counts a kind is. */
export function kindIndex({ status, scope }: Kind): number {
  return statuses.indexOf(status) * scopes.length + scopes.indexOf(scope);
}

/** Adds entries of a kind to the counts, in place. */
export function addEntries(counts: number[], kind: Kind, count = 1): void {
  const index = kindIndex(kind);
  counts[index] = (counts[index] ?? 0) + count;
}

/** What is in the first counts and not in the second, kind by kind. */
export function difference(counts: Counts, less: Counts): Counts {
  return counts.map((count, i) => count - (less[i] ?? 0));
}

/** Both together, kind by kind. */
export function sum(counts: Counts, more: Counts): Counts {
  return counts.map((count, i) => count + (more[i] ?? 0));
}

/**
 * The counts that a log's head stores, to be gone on from; undefined if they are not those of a log
 * of this size, and so are of no use.
 */
export function countsFrom(size: bigint, stored: readonly string[]): number[] | undefined {
  const counts = stored.map(Number);
  const all = counts.reduce((total, count) => total + count, 0);
  return counts.length === kinds.length && all === Number(size) ? counts : undefined;
}

/**
 * The kinds that pass a filter of nothing but status, scope and record time, for which counts by
 * kind and time suffice; undefined for any other filter.
 */
export function kindsPassing({ include, exclude, visible }: Filter): readonly Kind[] | undefined {
  if (!isByKindAndTime(include) || !isByKindAndTime(exclude)) return undefined;
  return kinds.filter(
    ({ status, scope }) =>
      (include.statuses.length === 0 || include.statuses.includes(status)) &&
      (include.scopes.length === 0 || include.scopes.includes(scope)) &&
      !exclude.statuses.includes(status) &&
      !exclude.scopes.includes(scope) &&
      (visible === undefined || visible.includes(scope)),
  );
}

function isByKindAndTime({ recordTime: _, ...others }: Conditions): boolean {
  return countValues({ ...others, statuses: [], scopes: [] }) === 0;
}
