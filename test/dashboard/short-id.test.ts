import { expect, test } from "vitest";
import { shortId } from "../../src/dashboard/trail/short-id.ts";

test("a long id keeps its kind and both ends", () => {
  expect(shortId("usr-7f0c9f60-33a3-4f59-8b0c-0d1a5a1a2b3c")).toBe("usr-7f0c9f6…1a2b3c");
});

test("a short one stays whole, and no letter is cut in two", () => {
  expect(shortId("nightly")).toBe("nightly");
  expect(shortId("")).toBe("");
  expect(shortId("🚀".repeat(30))).toBe(`${"🚀".repeat(11)}…${"🚀".repeat(6)}`);
});
