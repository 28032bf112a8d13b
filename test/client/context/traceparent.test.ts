import fc from "fast-check";
import { expect, test } from "vitest";
import { traceIdOf } from "../../../src/client/context/traceparent.ts";

const traceId = "4bf92f3577b34da6a3ce929d0e0e4736";
const parentId = "00f067aa0ba902b7";

test.each([
  [`00-${traceId}-${parentId}-01`, "sampled"],
  [`00-${traceId}-${parentId}-00`, "not sampled"],
  [`00-${traceId}-${parentId}-ff`, "with flags not known yet"],
  [` 00-${traceId}-${parentId}-01\t`, "with space around"],
  [`01-${traceId}-${parentId}-01`, "of a later version"],
  [`cc-${traceId}-${parentId}-01-what-will-be`, "of a later version with more"],
  [`fe-${traceId}-${parentId}-01-`, "of the last version"],
])("%j is a traceparent (%s)", (header) => {
  expect(traceIdOf(header)).toBe(traceId);
});

test.each([
  ...[undefined, "", "00", traceId, `00-${traceId}-${parentId}`, `00-${traceId}-${parentId}-1`],
  `ff-${traceId}-${parentId}-01`,
  `00-${"0".repeat(32)}-${parentId}-01`,
  `00-${traceId}-${"0".repeat(16)}-01`,
  `00-${traceId}-${parentId}-01-more`,
  `00-${traceId}-${parentId}-01.`,
  `cc-${traceId}-${parentId}-01.what`,
  `cc-${traceId}-${parentId}-012`,
  `00-${traceId.toUpperCase()}-${parentId}-01`,
  `0-${traceId}-${parentId}-01`,
  `00-${traceId}0-${parentId}-01`,
  `00-${traceId}-${parentId}-01, 00-${traceId}-${parentId}-01`,
  `00_${traceId}_${parentId}_01`,
])("%j is none", (header) => {
  expect(traceIdOf(header)).toBeUndefined();
});

test("property: what is found is 32 hexadecimal digits that the header holds", () => {
  const part = fc.oneof(
    fc.string({ unit: fc.constantFrom(..."0123456789abcdefABCDEF- ,"), maxLength: 40 }),
    fc.constantFrom(traceId, parentId, "00", "01", "ff"),
  );
  fc.assert(
    fc.property(fc.array(part, { maxLength: 6 }), (parts) => {
      const header = parts.join("-");
      const found = traceIdOf(header);
      if (found === undefined) return;
      expect(found).toMatch(/^(?!0{32})[0-9a-f]{32}$/);
      expect(header.trim().slice(3, 35)).toBe(found);
    }),
  );
});
