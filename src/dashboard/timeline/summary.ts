/** The counts of a stretch of time, as the timeline draws them. */
import { type Timestamp, timestampMs } from "@bufbuild/protobuf/wkt";
import type { SummarizeResponse } from "../../../gen/audit/v1/audit_service_pb.ts";
import type { StatusWord } from "../../client/new-entry.ts";
import { statuses } from "../../client/words.ts";
import { midnight } from "../filter/query-time.ts";
import type { Zone } from "../time/zone.tsx";

/** Every status, in the order in which they are stacked. */
export const stackedStatuses = ["success", "info", "warning", "error"] as const;

/** Buckets side by side, empty ones among them. Times are milliseconds since 1970. */
export interface Summary {
  readonly startMs: number;
  readonly endMs: number;
  readonly widthMs: number;
  /** How many entries of each status each bucket has. */
  readonly counts: Readonly<Record<StatusWord, readonly number[]>>;
  /** How many entries each bucket has. */
  readonly heights: readonly number[];
  readonly totals: Readonly<Record<StatusWord, number>>;
  readonly total: number;
  /** Older entries were not counted; undefined if all were. */
  readonly countedFromMs: number | undefined;
}

/** More buckets than a server sends would only cost memory. */
const mostBuckets = 1_000;

/** What the server counted, added up over scopes; undefined if there is no time in it. */
export function summaryOf(response: SummarizeResponse): Summary | undefined {
  const { bucketWidth, startTime, endTime, countedFrom } = response;
  if (bucketWidth === undefined || startTime === undefined || endTime === undefined) return;
  const startMs = timestampMs(startTime);
  const widthMs = Number(bucketWidth.seconds) * 1_000;
  const length = Math.ceil((timestampMs(endTime) - startMs) / widthMs);
  if (!(length > 0) || length > mostBuckets) return;
  const zeroes = () => Array.from({ length }, () => 0);
  const counts = { success: zeroes(), info: zeroes(), warning: zeroes(), error: zeroes() };
  const totals = { success: 0, info: 0, warning: 0, error: 0 };
  const heights = zeroes();
  for (const bucket of response.buckets) {
    const index = bucketIndex(bucket.startTime, startMs, widthMs);
    for (const { status, count } of bucket.counts) {
      const word = statuses.word(status);
      if (!isStatus(word) || index === undefined || index >= length) continue;
      const n = Number(count);
      counts[word][index] = (counts[word][index] ?? 0) + n;
      heights[index] = (heights[index] ?? 0) + n;
      totals[word] += n;
    }
  }
  return {
    startMs,
    endMs: startMs + length * widthMs,
    widthMs,
    counts,
    heights,
    totals,
    total: heights.reduce((sum, n) => sum + n, 0),
    countedFromMs: countedFrom && timestampMs(countedFrom),
  };
}

function bucketIndex(time: Timestamp | undefined, startMs: number, widthMs: number) {
  if (time === undefined) return undefined;
  const index = Math.floor((timestampMs(time) - startMs) / widthMs);
  return index >= 0 ? index : undefined;
}

function isStatus(word: string | undefined): word is StatusWord {
  return stackedStatuses.some((status) => status === word);
}

/** The bucket at a time; undefined outside of the summary. */
export function bucketAt({ startMs, endMs, widthMs }: Summary, ms: number): number | undefined {
  return ms >= startMs && ms < endMs ? Math.floor((ms - startMs) / widthMs) : undefined;
}

/** A stretch of time: milliseconds since 1970, its end not in it. */
export interface Stretch {
  readonly fromMs: number;
  readonly toMs: number;
}

/** When a bucket begins and ends. */
export function bucketStretch({ startMs, widthMs }: Summary, index: number): Stretch {
  return { fromMs: startMs + index * widthMs, toMs: startMs + (index + 1) * widthMs };
}

/** The whole buckets that a stretch touches. */
export function wholeBuckets({ startMs, endMs, widthMs }: Summary, stretch: Stretch): Stretch {
  const first = Math.floor((stretch.fromMs - startMs) / widthMs);
  const last = Math.ceil((stretch.toMs - startMs) / widthMs);
  return {
    fromMs: Math.max(startMs, startMs + first * widthMs),
    toMs: Math.min(endMs, startMs + Math.max(last, first + 1) * widthMs),
  };
}

/**
 * Three times the time around a stretch. Open at the end once that is not before now, and at the
 * beginning if the log begins within the stretch, so that there is nothing before it.
 */
export function widened(
  { fromMs, toMs }: Stretch,
  nowMs: number,
  logStartMs = Number.NEGATIVE_INFINITY,
): Partial<Stretch> {
  const length = toMs - fromMs;
  return {
    ...(logStartMs <= fromMs && { fromMs: fromMs - length }),
    ...(toMs + length < nowMs && { toMs: toMs + length }),
  };
}

/**
 * A time at which a bucket begins, whatever its width: midnight of the week's Monday where the reader
 * is. Milliseconds since 1970.
 */
export function bucketOriginMs(nowMs: number, zone: Zone): number {
  const date = new Date(nowMs);
  const weekday = zone === "UTC" ? date.getUTCDay() : date.getDay();
  return midnight(nowMs, zone, -((weekday + 6) % 7));
}
