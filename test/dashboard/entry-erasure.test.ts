import { expect, test } from "vitest";
import { erases } from "../../src/dashboard/entry/find-erasure.ts";

const erasure = {
  recorder: { type: "annals", id: "annals" },
  action: "erase_details",
  sequence: 20,
  metadata: { sequences: ["3", "7-9"] },
};

test("an erasure names the entries whose details it erased", () => {
  expect([3, 7, 8, 9].every((sequence) => erases(erasure, { sequence }))).toBe(true);
  expect([2, 4, 6, 10].some((sequence) => erases(erasure, { sequence }))).toBe(false);
});

test("nobody but Annals can say that details were erased, nor before they were recorded", () => {
  const recorder = { type: "service", id: "annals" };
  expect(erases({ ...erasure, recorder }, { sequence: 3 })).toBe(false);
  expect(erases({ ...erasure, action: "erase" }, { sequence: 3 })).toBe(false);
  expect(erases({ ...erasure, sequence: 3 }, { sequence: 3 })).toBe(false);
  expect(erases({ ...erasure, metadata: { sequences: "3" } }, { sequence: 3 })).toBe(false);
});
