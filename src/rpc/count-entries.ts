import type { TeamId } from "../ids.ts";
import { summaryLimits } from "../limits.ts";
import { type Buckets, bucketOf, segmentsOf } from "../log/buckets.ts";
import { addEntries, type Counts, kindIndex, kindsPassing, noCounts } from "../log/counts.ts";
import type { Millis } from "../log/entry.ts";
import type { Filter, TimeRange } from "../log/filter.ts";
import { countBefore, countWindow, readRecordTime } from "../store/counts.ts";
import { sequenceAt } from "../store/heads.ts";
import type { Queryable } from "../store/pool.ts";

/** What is to be counted: the entries of a team in a range of time that pass a filter, by bucket. */
export interface Counting {
  readonly teamId: TeamId;
  readonly filter: Filter;
  readonly range: Required<TimeRange>;
  /** They cover the range. */
  readonly buckets: Buckets;
}

/** How many entries there are of each kind, by number of their bucket. */
export type CountsByBucket = Map<number, number[]>;

/** What was counted. */
export interface Counted {
  readonly byBucket: CountsByBucket;
  /**
   * Where counting stopped, at a limit: all entries recorded after this time are counted, none
   * recorded before it, and of those at it some may be.
   */
  readonly from?: Millis;
}

/**
 * Counts by the sums that are kept with the log. Undefined if they do not suffice for the filter;
 * `damaged` is told if they would, but do not add up.
 */
export async function countBySums(
  db: Queryable,
  { teamId, filter, range, buckets }: Counting,
  damaged: () => void,
): Promise<Counted | undefined> {
  const kinds = kindsPassing(filter);
  if (kinds === undefined) return undefined;
  const segments = segmentsOf(range, buckets, filter.exclude.recordTime);
  const times = [...new Set(segments.flatMap(({ from, to }) => [from, to]))];
  const sums = await countBefore(db, teamId, times);
  if (sums === undefined) {
    damaged();
    return undefined;
  }
  const before = new Map(times.map((time, i): [Millis, Counts] => [time, sums[i] ?? noCounts]));
  const byBucket: CountsByBucket = new Map();
  for (const { from, to, bucket } of segments) {
    for (const kind of kinds) {
      const sumAt = (time: Millis) => before.get(time)?.[kindIndex(kind)] ?? 0;
      const count = sumAt(to) - sumAt(from);
      if (count > 0) addEntries(countsIn(byBucket, bucket), kind, count);
    }
  }
  return { byBucket };
}

/** Counts by reading entries, newest first, up to a limit of how many and how long. */
export async function countByReading(
  db: Queryable,
  { teamId, filter, range, buckets }: Counting,
  signal: AbortSignal,
): Promise<Counted> {
  const [first, beyond] = await Promise.all([
    sequenceAt(db, teamId, range.from),
    sequenceAt(db, teamId, range.to),
  ]);
  const length = BigInt(summaryLimits.windowEntries);
  const byBucket: CountsByBucket = new Map();
  let to = beyond - 1n;
  let left = summaryLimits.readEntries;
  const deadline = performance.now() + summaryLimits.readMs;
  while (to >= first && left > 0 && performance.now() < deadline) {
    signal.throwIfAborted();
    const from = to - first < length ? first : to - length + 1n;
    for (const found of await countWindow(db, teamId, { from, to }, filter, buckets)) {
      addEntries(countsIn(byBucket, bucketOf(buckets, found.start)), found, found.count);
    }
    to = from - 1n;
    left -= summaryLimits.windowEntries;
  }
  const stoppedAt = to < first ? undefined : await readRecordTime(db, teamId, to);
  return { byBucket, ...(stoppedAt === undefined ? {} : { from: stoppedAt }) };
}

function countsIn(byBucket: CountsByBucket, bucket: number): number[] {
  const counts = byBucket.get(bucket) ?? [...noCounts];
  byBucket.set(bucket, counts);
  return counts;
}
