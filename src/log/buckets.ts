import type { Millis } from "./entry.ts";
import type { TimeRange } from "./filter.ts";

const second = 1_000;
const minute = 60 * second;
const hour = 60 * minute;
const day = 24 * hour;

/** The widths that are chosen from, shortest first: milliseconds. */
export const bucketWidthsMs: readonly number[] = [
  ...[1, 5, 15, 30].map((n) => n * second),
  ...[1, 5, 15, 30].map((n) => n * minute),
  ...[1, 3, 6, 12].map((n) => n * hour),
  ...[1, 7, 30, 365].map((n) => n * day),
];

/** Stretches of time side by side, all of one width. */
export interface Buckets {
  /** When the first begins. */
  readonly start: Millis;
  readonly widthMs: number;
  readonly count: number;
}

/** The buckets that cover a range that is not empty; one of them begins at `origin`. */
export function bucketsOver(
  { from, to }: Required<TimeRange>,
  widthMs: number,
  origin: Millis,
): Buckets {
  const offset = (from - origin) % widthMs;
  const start = from - (offset < 0 ? offset + widthMs : offset);
  return { start, widthMs, count: Math.ceil((to - start) / widthMs) };
}

/** The same with the shortest width that makes so many buckets or fewer, else the longest. */
export function fewBucketsOver(range: Required<TimeRange>, origin: Millis, most: number): Buckets {
  const choices = bucketWidthsMs.map((widthMs) => bucketsOver(range, widthMs, origin));
  const chosen = choices.find(({ count }) => count <= most) ?? choices.at(-1);
  if (chosen === undefined) throw new RangeError("there are no widths");
  return chosen;
}

/** When a bucket begins, the first being number 0. */
export function bucketStart({ start, widthMs }: Buckets, index: number): Millis {
  return start + index * widthMs;
}

/** The number of the bucket that a time is in. */
export function bucketOf({ start, widthMs }: Buckets, time: Millis): number {
  return Math.floor((time - start) / widthMs);
}

/** A stretch of time within one bucket. */
export interface Segment {
  readonly from: Millis;
  readonly to: Millis;
  readonly bucket: number;
}

/** A range cut at the edges of buckets, without what is in `except`; in order of time. */
export function segmentsOf(
  range: Required<TimeRange>,
  buckets: Buckets,
  except: TimeRange | undefined,
): Segment[] {
  const isExcepted = (time: Millis) =>
    except !== undefined &&
    time >= (except.from ?? Number.NEGATIVE_INFINITY) &&
    time < (except.to ?? Number.POSITIVE_INFINITY);
  const edges = Array.from({ length: buckets.count }, (_, i) => bucketStart(buckets, i));
  const cuts = [range.from, range.to, ...edges, except?.from, except?.to]
    .filter((time) => time !== undefined)
    .filter((time) => time >= range.from && time <= range.to)
    .sort((a, b) => a - b);
  return cuts.flatMap((from, i) => {
    const to = cuts[i + 1];
    if (to === undefined || to === from || isExcepted(from)) return [];
    return [{ from, to, bucket: bucketOf(buckets, from) }];
  });
}
