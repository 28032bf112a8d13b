import { expect, test } from "vitest";
import { ArrivalRate } from "../../src/dashboard/live/arrival-rate.ts";

test("the rate is the mean of the five whole seconds before", () => {
  const rate = new ArrivalRate();
  for (let ms = 0; ms < 10_000; ms += 10) rate.add(ms);
  expect(rate.perSecond(10_000)).toBe(100);
  expect(rate.perSecond(10_999)).toBe(100);
});

test("the second that is not over does not count yet", () => {
  const rate = new ArrivalRate();
  for (let n = 0; n < 50; n++) rate.add(20_000);
  expect(rate.perSecond(20_500)).toBe(0);
  expect(rate.perSecond(21_000)).toBe(10);
});

test("what stopped arriving fades within five seconds", () => {
  const rate = new ArrivalRate();
  for (let ms = 0; ms < 5_000; ms += 100) rate.add(ms);
  expect([5_000, 6_000, 9_000, 10_000].map((ms) => rate.perSecond(ms))).toEqual([10, 8, 2, 0]);
});
