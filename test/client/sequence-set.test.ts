import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { SequenceSet } from "../../src/client/sequence-set.ts";

/** Fewer at a time than a word has, and more. */
const step = fc.oneof(fc.bigInt({ min: 1n, max: 3n }), fc.bigInt({ min: 1n, max: 3_000n }));
const position = fc.bigInt({ min: 1n, max: 40_000n });
const range = fc
  .tuple(position, fc.oneof(fc.constant(0n), position))
  .map(([from, length]) => ({ from, to: from + length }));
const operation = fc.oneof(
  { weight: 3, arbitrary: step.map((by) => ({ add: by })) },
  { weight: 1, arbitrary: range.map((remove) => ({ remove })) },
);

describe("a set of sequences", () => {
  test.each([0n, 2n ** 53n, 2n ** 63n - 100_000n])(
    "has what was added and not removed, also when made again from its words, from %d on",
    (start) => {
      fc.assert(
        fc.property(fc.array(operation, { maxLength: 60 }), (operations) => {
          let set = new SequenceSet();
          let model: bigint[] = [];
          let last = start;
          for (const next of operations) {
            if ("add" in next) {
              last += next.add;
              set.add(last);
              model.push(last);
            } else {
              const [from, to] = [start + next.remove.from, start + next.remove.to];
              set.remove({ from, to });
              model = model.filter((sequence) => sequence < from || sequence > to);
            }
            expect(set.first).toBe(model[0]);
            set = new SequenceSet(set.words);
            expect(set.first).toBe(model[0]);
          }
          for (const sequence of model) {
            expect(set.first).toBe(sequence);
            set.remove({ from: sequence, to: sequence });
          }
          expect(set.first).toBeUndefined();
        }),
        { numRuns: 300 },
      );
    },
  );

  test("forgets a range of any length at once", () => {
    const set = new SequenceSet();
    for (let sequence = 2n ** 62n; sequence < 2n ** 62n + 5_000n; sequence += 7n) set.add(sequence);
    set.remove({ from: 1n, to: 2n ** 62n - 1n });
    expect(set.first).toBe(2n ** 62n);
    set.remove({ from: 1n, to: 2n ** 63n - 1n });
    expect(set.first).toBeUndefined();
  });
});
