import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { requestLimits } from "../../src/limits.ts";
import type { Entry, Json } from "../../src/log/entry.ts";
import {
  decodeSequences,
  encodeSequences,
  erasedBy,
  erasureAction,
  isErasure,
  type SequenceRange,
} from "../../src/log/erasure.ts";
import { checkMetadata, Violations } from "../../src/rpc/text.ts";

const most = 2n ** 63n - 1n;
const sequence = fc.oneof(
  fc.bigInt({ min: 1n, max: 60n }),
  fc.bigInt({ min: 1n, max: most }),
  fc.bigInt({ min: most - 60n, max: most }),
);

function count(ranges: readonly SequenceRange[]): bigint[] {
  return ranges.flatMap(({ from, to }) =>
    Array.from({ length: Number(to - from) + 1 }, (_, i) => from + BigInt(i)),
  );
}

function erasure(sequences: Json, own = 100n): Parameters<typeof erasedBy>[0] {
  return {
    sequence: own,
    recorder: { type: "annals", id: "annals" },
    action: erasureAction,
    details: { metadata: { sequences } },
  };
}

test("sequences become ascending ranges as text", () => {
  expect(encodeSequences([])).toEqual([]);
  expect(encodeSequences([3n, 7n, 8n, 9n])).toEqual(["3", "7-9"]);
  expect(encodeSequences([9n, 8n, 3n, 7n, 8n])).toEqual(["3", "7-9"]);
  expect(encodeSequences([1n, most])).toEqual(["1", String(most)]);
});

test("the ranges are read back as the sequences they were made of", () => {
  fc.assert(
    fc.property(fc.uniqueArray(sequence, { minLength: 1, maxLength: 80 }), (sequences) => {
      const ranges = decodeSequences(encodeSequences(sequences));
      expect(count(ranges ?? [])).toEqual(sequences.toSorted((a, b) => (a < b ? -1 : 1)));
    }),
    { numRuns: 1_000 },
  );
});

test("what a call may erase fits an entry's metadata and is read back, however it is spread", () => {
  const sequences = Array.from(
    { length: requestLimits.erasedEntries },
    (_, i) => most - 2n * BigInt(i),
  );
  const texts = encodeSequences(sequences);
  expect(texts).toHaveLength(requestLimits.erasedEntries);
  const violations = new Violations();
  checkMetadata("metadata", { sequences: texts }, violations);
  expect(violations.found).toEqual([]);
  expect(decodeSequences(texts)).toHaveLength(requestLimits.erasedEntries);
});

test.each<[string, Json | undefined]>([
  ["nothing", undefined],
  ["null", null],
  ["a text", "3"],
  ["an object", { 0: "3" }],
  ["no range", []],
  ["a number", [3]],
  ["a nested list", [["3"]]],
  ["an empty text", [""]],
  ["zero", ["0"]],
  ["a leading zero", ["03"]],
  ["a sign", ["+3"]],
  ["a negative number", ["-3"]],
  ["white space", [" 3"]],
  ["a line end", ["3\n"]],
  ["a fraction", ["3.0"]],
  ["an exponent", ["3e1"]],
  ["hexadecimal", ["0x3"]],
  ["digits of another script", ["٣"]],
  ["a range of one", ["3-3"]],
  ["a range backwards", ["9-7"]],
  ["an open range", ["3-"]],
  ["a range of ranges", ["3-5-7"]],
  ["the same twice", ["3", "3"]],
  ["descending order", ["7", "3"]],
  ["an overlap", ["3-7", "7-9"]],
  ["neighbours apart", ["3", "4"]],
  ["neighbouring ranges apart", ["3-5", "6-7"]],
  ["more than 2^63 - 1", ["9223372036854775808"]],
  ["a range beyond 2^63 - 1", ["3-9999999999999999999"]],
  ["twenty digits", ["10000000000000000000"]],
  ["too many ranges", Array.from({ length: 8_193 }, (_, i) => String(2 * i + 1))],
])("%s is not read as sequences", (_, json) => {
  expect(decodeSequences(json)).toBeUndefined();
});

test("a range as long as a log can be is read without counting it out", () => {
  expect(decodeSequences([`1-${most}`])).toEqual([{ from: 1n, to: most }]);
});

describe("an entry that records an erasure", () => {
  test("says what was erased", () => {
    expect(erasedBy(erasure(["3", "7-99"]))).toEqual([
      { from: 3n, to: 3n },
      { from: 7n, to: 99n },
    ]);
  });

  test("says it of entries before it only", () => {
    expect(erasedBy(erasure(["100"]))).toBeUndefined();
    expect(erasedBy(erasure(["3", "99-100"]))).toBeUndefined();
    expect(erasedBy(erasure(["101"]))).toBeUndefined();
  });

  test("says nothing if its metadata is missing or of another shape", () => {
    expect(erasedBy({ ...erasure([]), details: {} })).toBeUndefined();
    expect(erasedBy({ ...erasure([]), details: { metadata: { other: ["3"] } } })).toBeUndefined();
    expect(erasedBy(erasure(["x"]))).toBeUndefined();
  });

  test.each<[string, Partial<Pick<Entry, "recorder" | "action">>]>([
    ["a user", { recorder: { type: "user", id: "annals" } }],
    ["a service called annals", { recorder: { type: "service", id: "annals" } }],
    ["Annals, of another act", { action: "create" }],
  ])("is not one recorded by %s", (_, change) => {
    const other = { ...erasure(["3"]), ...change };
    expect(isErasure(other)).toBe(false);
    expect(erasedBy(other)).toBeUndefined();
  });
});
