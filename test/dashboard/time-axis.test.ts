import { expect, test } from "vitest";
import { stretchWords, tickWords } from "../../src/dashboard/timeline/time-axis.ts";

const at = (text: string) => Date.parse(`${text}Z`);
const hour = 3_600_000;

test.each([
  [["2026-11-22T07:00:05", "2026-11-22T07:00:10"], 5_000, ["07:00:05", "07:00:10"]],
  [["2026-11-21T23:30:00", "2026-11-22T00:00:00"], hour / 2, ["23:30", "22 Nov"]],
  [["2026-11-21T00:00:00", "2026-11-22T00:00:00"], 24 * hour, ["21 Nov", "22 Nov"]],
  [["2026-11-01T00:00:00", "2026-12-01T00:00:00"], 30 * 24 * hour, ["Nov 2026", "Dec 2026"]],
  [["2025-01-01T00:00:00", "2026-01-01T00:00:00"], 365 * 24 * hour, ["2025", "2026"]],
])("ticks %j so far apart: %i", (times, step, words) => {
  expect(tickWords(times.map(at), step, "UTC")).toEqual(words);
});

test.each([
  ["2026-11-22T07:30:00", "2026-11-22T07:35:00", "22 Nov 2026, 07:30 – 07:35"],
  ["2026-11-22T07:30:00", "2026-11-22T07:30:05", "22 Nov 2026, 07:30:00 – 07:30:05"],
  ["2026-11-21T23:00:00", "2026-11-22T00:00:00", "21 Nov 2026, 23:00 – 22 Nov 2026, 00:00"],
  ["2026-11-22T00:00:00", "2026-11-23T00:00:00", "22 Nov 2026"],
  ["2026-11-16T00:00:00", "2026-11-23T00:00:00", "16 Nov 2026 – 22 Nov 2026"],
])("the stretch from %s to %s in words", (from, to, words) => {
  expect(stretchWords(at(from), at(to), "UTC")).toBe(words);
});
