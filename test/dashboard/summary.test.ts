import { create } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { SummarizeResponseSchema } from "../../gen/audit/v1/audit_service_pb.ts";
import { EntryScope, EntryStatus } from "../../gen/audit/v1/entry_pb.ts";
import { byStatusText, entriesText } from "../../src/dashboard/timeline/counts-text.ts";
import {
  bucketAt,
  bucketOriginMs,
  bucketStretch,
  type Summary,
  summaryOf,
  wholeBuckets,
  widened,
} from "../../src/dashboard/timeline/summary.ts";

const start = Date.UTC(2026, 10, 22, 7);
const minute = 60_000;

function answer(minutes: number, buckets: { at: number; error?: number; success?: number }[]) {
  return create(SummarizeResponseSchema, {
    bucketWidth: { seconds: 60n },
    startTime: timestampFromMs(start),
    endTime: timestampFromMs(start + minutes * minute),
    buckets: buckets.map(({ at, error = 0, success = 0 }) => ({
      startTime: timestampFromMs(start + at * minute),
      counts: [
        { status: EntryStatus.ERROR, scope: EntryScope.TEAM, count: BigInt(error) },
        { status: EntryStatus.SUCCESS, scope: EntryScope.TEAM, count: BigInt(success) },
        { status: EntryStatus.SUCCESS, scope: EntryScope.ADMIN, count: 1n },
      ],
    })),
  });
}
const summary = summaryOf(
  answer(4, [
    { at: 0, error: 2 },
    { at: 2, success: 9 },
  ]),
) as Summary;

describe("a summary", () => {
  test("has every bucket of the range, with counts of both scopes together", () => {
    expect(summary).toMatchObject({ startMs: start, endMs: start + 4 * minute, widthMs: minute });
    expect(summary.heights).toEqual([3, 0, 10, 0]);
    expect(summary.counts.success).toEqual([1, 0, 10, 0]);
    expect(summary.counts.error).toEqual([2, 0, 0, 0]);
    expect(summary.totals).toEqual({ success: 11, info: 0, warning: 0, error: 2 });
    expect(summary.total).toBe(13);
    expect(byStatusText((status) => summary.totals[status])).toBe("11 success, 2 error");
    expect(entriesText(1)).toBe("1 entry");
    expect(entriesText(1_234)).toBe("1,234 entries");
  });

  test("is none of an empty log, and none of an answer that makes no sense", () => {
    expect(
      summaryOf(create(SummarizeResponseSchema, { bucketWidth: { seconds: 1n } })),
    ).toBeUndefined();
    expect(summaryOf(answer(100_000_000, []))).toBeUndefined();
    expect(summaryOf(answer(-1, []))).toBeUndefined();
    expect(summaryOf({ ...answer(4, []), bucketWidth: undefined })).toBeUndefined();
  });

  test("passes over buckets outside of the range and statuses that it does not know", () => {
    const odd = answer(2, [
      { at: -1, success: 5 },
      { at: 2, success: 5 },
      { at: 1, success: 1 },
    ]);
    const known = odd.buckets[2]?.counts[0];
    if (known) Object.assign(known, { status: 99, count: 7n });
    expect(summaryOf(odd)?.heights).toEqual([0, 2]);
  });

  test("says how far back it was counted", () => {
    const countedFrom = timestampFromMs(start + minute);
    expect(summaryOf({ ...answer(4, []), countedFrom })?.countedFromMs).toBe(start + minute);
  });
});

test("every time of the range is in the bucket that is found at it", () => {
  fc.assert(
    fc.property(fc.integer({ min: start, max: start + 4 * minute - 1 }), (ms) => {
      const { fromMs, toMs } = bucketStretch(summary, bucketAt(summary, ms) ?? -1);
      expect(ms).toBeGreaterThanOrEqual(fromMs);
      expect(ms).toBeLessThan(toMs);
    }),
  );
  expect(bucketAt(summary, start - 1)).toBeUndefined();
  expect(bucketAt(summary, start + 4 * minute)).toBeUndefined();
});

test("what is dragged over becomes whole buckets, at least one, within the range", () => {
  const dragged = (from: number, to: number) =>
    wholeBuckets(summary, { fromMs: start + from * minute, toMs: start + to * minute });
  expect(dragged(0.5, 2.1)).toEqual({ fromMs: start, toMs: start + 3 * minute });
  expect(dragged(1, 1)).toEqual({ fromMs: start + minute, toMs: start + 2 * minute });
  expect(dragged(-3, 9)).toEqual({ fromMs: start, toMs: start + 4 * minute });
});

test("zooming out shows three times the time", () => {
  const stretch = { fromMs: start, toMs: start + 4 * minute };
  expect(widened(stretch, start + 60 * minute)).toEqual({
    fromMs: start - 4 * minute,
    toMs: start + 8 * minute,
  });
});

test("zooming out is open where there is no more: at now, and before the log begins", () => {
  const stretch = { fromMs: start, toMs: start + 4 * minute };
  expect(widened(stretch, start + 5 * minute)).toEqual({ fromMs: start - 4 * minute });
  expect(widened(stretch, start + 60 * minute, start + minute)).toEqual({
    toMs: start + 8 * minute,
  });
  expect(widened(stretch, start + 5 * minute, start + minute)).toEqual({});
});

test("days and weeks begin at midnight of the reader's Monday", () => {
  // 22 November 2026 is a Sunday.
  expect(bucketOriginMs(start, "UTC")).toBe(Date.UTC(2026, 10, 16));
  expect(bucketOriginMs(Date.UTC(2026, 10, 16, 5), "UTC")).toBe(Date.UTC(2026, 10, 16));
  const local = new Date(bucketOriginMs(start, "local"));
  expect([local.getDay(), local.getHours(), local.getMinutes()]).toEqual([1, 0, 0]);
});
