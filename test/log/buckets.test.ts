import fc from "fast-check";
import { expect, test } from "vitest";
import {
  bucketOf,
  bucketStart,
  bucketsOver,
  bucketWidthsMs,
  fewBucketsOver,
  segmentsOf,
} from "../../src/log/buckets.ts";

/** Milliseconds of the years 1 to 9999. */
const time = fc.integer({ min: -62_135_596_800_000, max: 253_402_300_799_999 });
const range = fc
  .tuple(time, time)
  .filter(([a, b]) => a !== b)
  .map(([a, b]) => ({ from: Math.min(a, b), to: Math.max(a, b) }));
const width = fc.oneof(
  fc.constantFrom(...bucketWidthsMs),
  fc.integer({ min: 1, max: 3_153_600_000 }).map((seconds) => seconds * 1_000),
);

test("buckets cover their range, none needlessly, and begin at whole widths from the origin", () => {
  fc.assert(
    fc.property(range, width, time, (whole, widthMs, origin) => {
      const buckets = bucketsOver(whole, widthMs, origin);
      const { start, count } = buckets;
      expect((BigInt(start) - BigInt(origin)) % BigInt(widthMs)).toBe(0n);
      expect(start).toBeLessThanOrEqual(whole.from);
      expect(bucketStart(buckets, 1)).toBeGreaterThan(whole.from);
      expect(bucketStart(buckets, count)).toBeGreaterThanOrEqual(whole.to);
      expect(bucketStart(buckets, count - 1)).toBeLessThan(whole.to);
      expect(bucketOf(buckets, whole.from)).toBe(0);
      expect(bucketOf(buckets, whole.to - 1)).toBe(count - 1);
    }),
  );
});

test("the width chosen is the shortest that makes few enough buckets, or the longest there is", () => {
  fc.assert(
    fc.property(range, time, fc.integer({ min: 1, max: 500 }), (whole, origin, most) => {
      const { widthMs, count } = fewBucketsOver(whole, origin, most);
      const shorter = bucketWidthsMs.filter((each) => each < widthMs);
      for (const each of shorter) {
        expect(bucketsOver(whole, each, origin).count).toBeGreaterThan(most);
      }
      if (widthMs !== bucketWidthsMs.at(-1)) expect(count).toBeLessThanOrEqual(most);
    }),
  );
});

test("segments are the range without what is left out, each within a bucket", () => {
  const small = fc.integer({ min: -50, max: 250 });
  const bound = fc.option(small, { nil: undefined });
  fc.assert(
    fc.property(
      fc.tuple(small, small).filter(([a, b]) => a < b),
      fc.integer({ min: 3, max: 90 }),
      small,
      fc.option(
        fc.tuple(bound, bound).filter(([a, b]) => a === undefined || b === undefined || a < b),
        { nil: undefined },
      ),
      ([from, to], widthMs, origin, bounds) => {
        const [low, high] = bounds ?? [];
        const except = bounds && {
          ...(low === undefined ? {} : { from: low }),
          ...(high === undefined ? {} : { to: high }),
        };
        const buckets = bucketsOver({ from, to }, widthMs, origin);
        const segments = segmentsOf({ from, to }, buckets, except);
        const covered = segments.flatMap((segment) =>
          Array.from({ length: segment.to - segment.from }, (_, i) => {
            expect(bucketOf(buckets, segment.from + i)).toBe(segment.bucket);
            return segment.from + i;
          }),
        );
        const wanted = Array.from({ length: to - from }, (_, i) => from + i).filter(
          (at) => except === undefined || at < (low ?? at) || at >= (high ?? at + 1),
        );
        expect(covered).toEqual(wanted);
      },
    ),
  );
});
