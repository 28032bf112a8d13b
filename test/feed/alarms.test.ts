import fc from "fast-check";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { Alarm } from "../../src/feed/alarms.ts";

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

test("alarms ring once, not before their time and hardly after it", () => {
  const timed = fc.record({
    after: fc.integer({ min: 0, max: 500 }),
    ms: fc.oneof(
      fc.integer({ min: 1, max: 20_000 }),
      fc.double({ min: 0.1, max: 50, noNaN: true }),
    ),
  });
  fc.assert(
    fc.property(fc.array(timed, { maxLength: 20 }), (alarms) => {
      const rung: (readonly [after: number, most: number])[] = [];
      for (const { after, ms } of alarms) {
        vi.advanceTimersByTime(after);
        const due = performance.now() + ms;
        new Alarm(() => rung.push([performance.now() - due, ms / 32 + 2])).set(ms);
      }
      vi.advanceTimersByTime(25_000);
      expect(rung.length).toBe(alarms.length);
      for (const [late, most] of rung) {
        expect(late).toBeGreaterThan(-1);
        expect(late).toBeLessThanOrEqual(most);
      }
      expect(vi.getTimerCount()).toBe(0);
    }),
    { numRuns: 50 },
  );
});

test("a thousand alarms of about the same time are a timer or two", () => {
  let rung = 0;
  const alarms = Array.from({ length: 1_000 }, (_, n) => {
    const alarm = new Alarm(() => rung++);
    alarm.set(10_000 - n / 10);
    return alarm;
  });
  expect(vi.getTimerCount()).toBeLessThanOrEqual(2);
  for (const alarm of alarms.slice(0, 900)) alarm.clear();
  vi.advanceTimersByTime(11_000);
  expect(rung).toBe(100);
});

test("what an alarm clears does not ring with it, and what it sets rings later", () => {
  const rung: string[] = [];
  const second = new Alarm(() => rung.push("second"));
  const first = new Alarm(() => {
    rung.push("first");
    second.clear();
    if (rung.length < 3) first.set(1_000);
  });
  first.set(1_000);
  second.set(1_000);
  vi.advanceTimersByTime(1_100);
  expect(rung).toEqual(["first"]);
  vi.advanceTimersByTime(5_000);
  expect(rung).toEqual(["first", "first", "first"]);
  expect(vi.getTimerCount()).toBe(0);
});

test("an alarm that is set anew rings at its new time only", () => {
  const rung: number[] = [];
  const alarm = new Alarm(() => rung.push(performance.now()));
  const begun = performance.now();
  alarm.set(100);
  alarm.set(10_000);
  vi.advanceTimersByTime(20_000);
  expect(rung.map((at) => at - begun >= 10_000)).toEqual([true]);
});
