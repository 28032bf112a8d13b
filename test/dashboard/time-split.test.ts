import { expect, test } from "vitest";
import { onFrom, upTo } from "../../src/dashboard/trail/time-split.ts";

const time = (ms: number) => new Date(ms);

test("without a range, the two sides of a time are every entry, each once", () => {
  expect(upTo({}, 1_000)).toEqual({ recordTime: { to: time(1_001) } });
  expect(onFrom({}, 1_001)).toEqual({ recordTime: { from: time(1_001) } });
});

test("the filter's own range narrows both, and the rest of it stays", () => {
  const filter = { actions: ["create"], recordTime: { from: time(500), to: time(2_000) } };
  expect(upTo(filter, 1_000)).toEqual({
    actions: ["create"],
    recordTime: { from: time(500), to: time(1_001) },
  });
  expect(onFrom(filter, 1_001)).toEqual({
    actions: ["create"],
    recordTime: { from: time(1_001), to: time(2_000) },
  });
});

test("a time outside of the range leaves one side empty and the other whole", () => {
  const filter = { recordTime: { from: time(500), to: time(2_000) } };
  expect(upTo(filter, 400)).toBeUndefined();
  expect(onFrom(filter, 401)).toEqual(filter);
  expect(upTo(filter, 3_000)).toEqual(filter);
  expect(onFrom(filter, 3_001)).toBeUndefined();
  expect(onFrom(filter, 2_000)).toBeUndefined();
});
