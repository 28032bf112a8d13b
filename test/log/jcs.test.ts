import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { Json, JsonObject } from "../../src/log/entry.ts";
import { CanonicalWriter, canonicalJson } from "../../src/log/jcs.ts";
import { arbitraryJson } from "../support/arbitrary-entry.ts";
import { definedJson } from "./defined-leaf.ts";

/** The double of these bits, in hexadecimal. */
function double(bits: string): number {
  return Buffer.from(bits, "hex").readDoubleBE();
}

describe("canonical JSON", () => {
  test.each([
    ["0000000000000000", "0"],
    ["8000000000000000", "0"],
    ["0000000000000001", "5e-324"],
    ["8000000000000001", "-5e-324"],
    ["7fefffffffffffff", "1.7976931348623157e+308"],
    ["ffefffffffffffff", "-1.7976931348623157e+308"],
    ["4340000000000000", "9007199254740992"],
    ["c340000000000000", "-9007199254740992"],
    ["4430000000000000", "295147905179352830000"],
    ["44b52d02c7e14af5", "9.999999999999997e+22"],
    ["44b52d02c7e14af6", "1e+23"],
    ["44b52d02c7e14af7", "1.0000000000000001e+23"],
    ["444b1ae4d6e2ef4e", "999999999999999700000"],
    ["444b1ae4d6e2ef4f", "999999999999999900000"],
    ["444b1ae4d6e2ef50", "1e+21"],
    ["3eb0c6f7a0b5ed8c", "9.999999999999997e-7"],
    ["3eb0c6f7a0b5ed8d", "0.000001"],
    ["41b3de4355555553", "333333333.3333332"],
    ["41b3de4355555554", "333333333.33333325"],
    ["41b3de4355555555", "333333333.3333333"],
    ["41b3de4355555556", "333333333.3333334"],
    ["41b3de4355555557", "333333333.33333343"],
    ["becbf647612f3696", "-0.0000033333333333333333"],
    ["43143ff3c1cb0959", "1424953923781206.2"],
  ])("writes the number %s as RFC 8785, appendix B, has it: %s", (bits, text) => {
    expect(canonicalJson(double(bits))).toBe(text);
    expect(canonicalJson([{ n: double(bits) }])).toBe(`[{"n":${text}}]`);
  });

  test.each([
    ["7fffffffffffffff", "NaN"],
    ["7ff0000000000000", "Infinity"],
    ["fff0000000000000", "-Infinity"],
  ])("refuses the number %s, %s, which would otherwise pass for null", (bits, name) => {
    for (const value of [double(bits), [double(bits)], { a: { b: double(bits) } }]) {
      expect(() => canonicalJson(value)).toThrow(new RangeError(`JSON has no number ${name}`));
    }
    // JSON text can say it too.
    expect(() => canonicalJson(JSON.parse('{"a":1e400}'))).toThrow(RangeError);
  });

  test("of RFC 8785's example is the RFC's bytes", () => {
    const text = canonicalJson(
      JSON.parse(String.raw`{
        "numbers": [333333333.33333329, 1E30, 4.50, 2e-3, 0.000000000000000000000000001],
        "string": "\u20ac$\u000F\u000aA'\u0042\u0022\u005c\\\"\/",
        "literals": [null, true, false]
      }`),
    );
    expect(Buffer.from(text).toString("hex")).toBe(
      [
        "7b226c69746572616c73223a5b6e756c6c2c747275652c66616c73655d2c226e",
        "756d62657273223a5b3333333333333333332e333333333333332c31652b3330",
        "2c342e352c302e3030322c31652d32375d2c22737472696e67223a22e282ac24",
        "5c75303030665c6e4127425c225c5c5c5c5c222f227d",
      ].join(""),
    );
  });

  test("sorts keys by UTF-16 code units, as in RFC 8785's example", () => {
    const text = canonicalJson({
      "\u20ac": "Euro Sign",
      "\r": "Carriage Return",
      "\ufb33": "Hebrew Letter Dalet With Dagesh",
      "1": "One",
      "\u{1f600}": "Emoji: Grinning Face",
      "\u0080": "Control",
      "\u00f6": "Latin Small Letter O With Diaeresis",
    });
    expect(text).toBe(
      '{"\\r":"Carriage Return","1":"One","\u0080":"Control",' +
        '"\u00f6":"Latin Small Letter O With Diaeresis","\u20ac":"Euro Sign",' +
        '"\u{1f600}":"Emoji: Grinning Face","\ufb33":"Hebrew Letter Dalet With Dagesh"}',
    );
  });

  test("sorts number-like keys as text, at every level, and keeps arrays as they are", () => {
    expect(canonicalJson({ 10: [{ b: 1, a: 2 }, 3, 1], 9: {}, "": 0, "01": null })).toBe(
      '{"":0,"01":null,"10":[{"a":2,"b":1},3,1],"9":{}}',
    );
  });

  test("takes any key for a member, those of objects' prototypes too", () => {
    const value = JSON.parse('{"toString":1,"__proto__":{"__proto__":2},"constructor":3}');
    expect(canonicalJson(value)).toBe('{"__proto__":{"__proto__":2},"constructor":3,"toString":1}');
    const bare: JsonObject = Object.assign(Object.create(null), { a: 1 });
    expect(canonicalJson(bare)).toBe('{"a":1}');
    const inherited: JsonObject = Object.assign(Object.create({ stray: 1 }), { a: 1 });
    expect(canonicalJson(inherited)).toBe('{"a":1}');
  });

  test("escapes what RFC 8785 says and nothing else", () => {
    const short: Record<string, string> = { 8: "\\b", 9: "\\t", 10: "\\n", 12: "\\f", 13: "\\r" };
    for (let code = 0; code < 0x20; code++) {
      const escaped = short[code] ?? `\\u00${code.toString(16).padStart(2, "0")}`;
      expect(canonicalJson(String.fromCharCode(code))).toBe(`"${escaped}"`);
    }
    expect(canonicalJson('"\\/')).toBe('"\\"\\\\/"');
    for (let code = 0x20; code < 0x11_0000; code += code < 0x3000 ? 1 : 97) {
      if (code === 0x22 || code === 0x5c || (code >= 0xd800 && code < 0xe000)) continue;
      const character = String.fromCodePoint(code);
      if (canonicalJson(character) !== `"${character}"`) expect.fail(`U+${code.toString(16)}`);
    }
  });

  test("leaves out members that are undefined, which JSON does not have", () => {
    expect(canonicalJson({ b: undefined, a: 1 } as unknown as JsonObject)).toBe('{"a":1}');
  });

  test("of any value is that value, is its own canonical form, and does not know the keys' order", () => {
    fc.assert(
      fc.property(arbitraryJson, (value) => {
        const text = canonicalJson(value);
        expect(text).toBe(definedJson(value));
        const parsed: Json = JSON.parse(text);
        // Zero has no sign in JSON.
        expect(parsed).toEqual(JSON.parse(JSON.stringify(value)));
        expect(canonicalJson(parsed)).toBe(text);
        expect(canonicalJson(reversed(value))).toBe(text);
      }),
      { numRuns: 2_000 },
    );
  });
});

/** The same value with its members in another order. */
function reversed(value: Json): Json {
  if (Array.isArray(value)) return value.map(reversed);
  if (value === null || typeof value !== "object") return value;
  const members = Object.entries(value).map(([key, member]) => [key, reversed(member)]);
  return Object.fromEntries(members.reverse());
}

describe("the writer of canonical JSON", () => {
  const text = (writer: CanonicalWriter) => Buffer.from(writer.written()).toString();

  const pieces: [string, (writer: CanonicalWriter) => void, string][] = [
    ["a string", (writer) => writer.string("a".repeat(70)), `"${"a".repeat(70)}"`],
    ["a long string", (writer) => writer.string("a".repeat(2_000)), `"${"a".repeat(2_000)}"`],
    ["a string with é", (writer) => writer.string(`${"a".repeat(70)}é`), `"${"a".repeat(70)}é"`],
    ["one of three bytes each", (writer) => writer.string("€".repeat(25)), `"${"€".repeat(25)}"`],
    ["escapes", (writer) => writer.string("\n".repeat(30)), `"${"\\n".repeat(30)}"`],
    ["ASCII", (writer) => writer.ascii("a".repeat(70)), "a".repeat(70)],
    ["JSON", (writer) => writer.json({ a: [1, "b", {}] }), '{"a":[1,"b",{}]}'],
  ];

  test.each(pieces)("finds room for %s wherever its memory ends", (_, write, written) => {
    const { byteLength } = new CanonicalWriter().written().buffer;
    for (let room = 0; room <= 240; room++) {
      const writer = new CanonicalWriter();
      const before = "-".repeat(byteLength - room);
      writer.ascii(before);
      write(writer);
      // Compared here, as a difference of so much text would be shown.
      if (text(writer) !== before + written) expect.fail(`with room for ${room}`);
    }
  });

  test.each([127, 128, 129, 256])("writes strings of about %i characters, escaped or not", (n) => {
    for (const string of ["a".repeat(n), `${"a".repeat(n - 1)}\n`, `${"a".repeat(n - 1)}é`]) {
      const writer = new CanonicalWriter();
      writer.string(string);
      expect(text(writer)).toBe(JSON.stringify(string));
    }
  });

  test("starts anew with bytes as they are, however many, and whatever was written before", () => {
    const writer = new CanonicalWriter();
    writer.string("é".repeat(5_000));
    for (const length of [0, 1, 32, 100_000]) {
      const prefix = Buffer.alloc(length, "b");
      writer.start(prefix);
      writer.ascii("a");
      expect(Buffer.concat([prefix, Buffer.from("a")]).equals(writer.written())).toBe(true);
    }
  });

  test("gives back the memory that something large took", () => {
    const writer = new CanonicalWriter();
    const { byteLength } = writer.written().buffer;
    writer.string("a".repeat(300_000));
    expect(writer.written().buffer.byteLength).toBeGreaterThan(300_000);
    writer.start(Buffer.from("b"));
    expect(writer.written().buffer.byteLength).toBe(byteLength);
    expect(text(writer)).toBe("b");
  });

  test("starts anew after a value that JSON has not", () => {
    const writer = new CanonicalWriter();
    expect(() => writer.json({ a: [1, Number.NaN] })).toThrow(RangeError);
    writer.start(new Uint8Array());
    writer.json({ a: 1 });
    expect(text(writer)).toBe('{"a":1}');
  });
});
