import { expect, test } from "vitest";
import { requestIdOf } from "../../src/server/request-id.ts";

const version4 = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;

test("a call without a request id gets a random UUID, each another", () => {
  const ids = Array.from({ length: 10_000 }, () => requestIdOf(undefined));
  for (const id of ids) expect(id).toMatch(version4);
  expect(new Set(ids).size).toBe(ids.length);
});

test.each([
  ["req 1", true],
  ["~".repeat(256), true],
  ["~".repeat(257), false],
  ["", false],
  ["é", false],
  ["a\tb", false],
])("a caller's %j is kept: %s", (given, kept) => {
  if (kept) expect(requestIdOf(given)).toBe(given);
  else expect(requestIdOf(given)).toMatch(version4);
});
