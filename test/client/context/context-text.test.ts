import fc from "fast-check";
import { expect, test } from "vitest";
import { fittingText } from "../../../src/client/context/context-text.ts";

test.each([
  ["curl/8.5.0", "curl/8.5.0"],
  ["  spaced\t", "spaced"],
  ["a\r\nCookie: b\u0000\u007f\u0085c", "a  Cookie: b   c"],
  ["\ud800lone", "\ufffdlone"],
  ["0123456789abcdefg", "0123456789abcdef"],
  ["0123456789abcdé", "0123456789abcdé"],
  ["0123456789abcdeé", "0123456789abcde"],
  ["0123456789abc😀", "0123456789abc"],
  ["", undefined],
  [" \n ", undefined],
  [undefined, undefined],
  [["a"], undefined],
])("%j becomes %j within 16 bytes", (text, fitting) => {
  expect(fittingText(text, 16)).toBe(fitting);
});

test("property: it fits, is well-formed, and holds no control character", () => {
  fc.assert(
    fc.property(
      fc.string({ unit: "binary", maxLength: 200 }),
      fc.integer({ min: 4, max: 64 }),
      (text, max) => {
        const fitting = fittingText(text, max) ?? "";
        expect(Buffer.byteLength(fitting)).toBeLessThanOrEqual(max);
        expect(fitting.isWellFormed()).toBe(true);
        expect(fitting).not.toMatch(/\p{Cc}/u);
        const whole = text
          .slice(0, 2 * max)
          .toWellFormed()
          .replaceAll(/\p{Cc}/gu, " ")
          .trim();
        expect(whole.startsWith(fitting)).toBe(true);
      },
    ),
  );
});
