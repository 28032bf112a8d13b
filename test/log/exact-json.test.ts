import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { parseExactJson } from "../../src/log/exact-json.ts";
import { arbitraryJson } from "../support/arbitrary-entry.ts";

describe("JSON that is parsed exactly", () => {
  test("has the keys that stand there, whatever was parsed before", () => {
    // The key that has V8's JSON.parse read those after it as `\`.
    expect(Object.keys(parseExactJson('{"exact":1,"\\\\":2}') as object)).toEqual(["exact", "\\"]);
    JSON.parse('{"exact":1,"\\\\":2}');
    for (const key of ["\n", "\r", "\t", '"', "\\", "\u0001", "A", "\nb", "\\b", "\ue0000"]) {
      const text = `{"exact":1,${JSON.stringify(key)}:2}`;
      expect(parseExactJson(text)).toEqual(
        Object.fromEntries([
          ["exact", 1],
          [key, 2],
        ]),
      );
    }
    const escaped = '{"exact":1,"\\u0041":2,"\\u005f_proto__":3,"A":4}';
    expect(Object.entries(parseExactJson(escaped) as object)).toEqual([
      ["exact", 1],
      ["A", 4],
      ["__proto__", 3],
    ]);
  });

  test("is what was written, for any value", () => {
    fc.assert(
      fc.property(arbitraryJson, fc.constantFrom(undefined, 1), (value, indent) => {
        const text = JSON.stringify(value, undefined, indent);
        expect(JSON.stringify(parseExactJson(text))).toBe(JSON.stringify(value));
      }),
      { numRuns: 2_000 },
    );
  });

  test.each(['{"\\n":}', '{"\\n"', '"\\x"', '{"\\q":1}', "\\", '{"a\\":1}', "", '{"\\n":1,}'])(
    "is refused if it is none: %s",
    (text) => {
      expect(() => parseExactJson(text)).toThrow(SyntaxError);
    },
  );
});
