import { execFile } from "node:child_process";
import { randomBytes } from "node:crypto";
import { promisify } from "node:util";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { base64, base64url, fromBase64 } from "../../src/log/base64.ts";
import { arbitraryCharacter } from "../support/arbitrary-entry.ts";

const bytes = fc.uint8Array({ maxLength: 200 });
/** The alphabet of RFC 4648, section 4, in the order of its values. */
const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

describe("base64", () => {
  test.each([
    ["", ""],
    ["f", "Zg=="],
    ["fo", "Zm8="],
    ["foo", "Zm9v"],
    ["foob", "Zm9vYg=="],
    ["fooba", "Zm9vYmE="],
    ["foobar", "Zm9vYmFy"],
  ])("of %o is RFC 4648's %o, and back", (text, encoded) => {
    expect(base64(Buffer.from(text))).toBe(encoded);
    expect(Buffer.from(fromBase64(encoded) ?? []).toString()).toBe(text);
  });

  test("is what Node makes of any bytes, in both alphabets, and is read back", () => {
    fc.assert(
      fc.property(bytes, (value) => {
        expect(base64(value)).toBe(Buffer.from(value).toString("base64"));
        expect(base64url(value)).toBe(Buffer.from(value).toString("base64url"));
        expect(fromBase64(base64(value))).toEqual(value);
      }),
      { numRuns: 1_000 },
    );
  });

  test("is the same in an engine that has none of its own, as browsers before 2025", async () => {
    const values = fc.sample(bytes, 200).map((value) => Buffer.from(value).toString("hex"));
    const texts = [
      "Zg",
      "Zg=",
      "Zh==",
      "Zm8",
      "Zm9v\n",
      "Zm9vZg==Zg==",
      "Z-_v",
      "Zm9",
      "Z",
      "é",
      "=",
    ];
    const script = `
      delete Uint8Array.prototype.toBase64;
      delete Uint8Array.prototype.setFromBase64;
      const { base64, base64url, fromBase64 } = await import(process.argv[1]);
      const [values, texts] = JSON.parse(process.argv[2]);
      const hex = (bytes) => bytes && Buffer.from(bytes).toString("hex");
      console.log(JSON.stringify([
        values.map((value) => Buffer.from(value, "hex")).map((value) => {
          const text = base64(value);
          return [text, base64url(value), hex(fromBase64(text))];
        }),
        texts.map((text) => hex(fromBase64(text)) ?? "refused"),
      ]));
    `;
    const module = new URL("../../src/log/base64.ts", import.meta.url).href;
    const args = ["--input-type=module", "-e", script, "--", module];
    const run = await promisify(execFile)(process.execPath, [
      ...args,
      JSON.stringify([values, texts]),
    ]);
    expect(JSON.parse(run.stdout)).toEqual([
      values.map((value) => {
        const buffer = Buffer.from(value, "hex");
        return [buffer.toString("base64"), buffer.toString("base64url"), value];
      }),
      texts.map(() => "refused"),
    ]);
    for (const text of texts) expect([text, fromBase64(text)]).toEqual([text, undefined]);
  });

  test("of a mebibyte is read back", () => {
    const value = randomBytes(1024 * 1024);
    expect(Buffer.from(fromBase64(base64(value)) ?? []).equals(value)).toBe(true);
  });

  test("has one text for each value: of all last groups, only those without stray bits are read", () => {
    const read: string[] = [];
    for (const a of alphabet) {
      for (const b of alphabet) {
        for (const group of [`${a}${b}==`, `A${a}${b}=`]) {
          if (fromBase64(`AAAA${group}`) !== undefined) read.push(group);
        }
      }
    }
    const due = Array.from({ length: 256 }, (_, byte) => base64(Uint8Array.of(byte)));
    const dueInThree = Array.from({ length: 1024 }, (_, bits) =>
      base64(Uint8Array.of(bits >> 8, bits & 255)),
    );
    expect(new Set(read)).toEqual(new Set([...due, ...dueInThree]));
    expect(read).toHaveLength(256 + 1024);
  });

  test("that is read is what its value is written as, whatever the text", () => {
    const almost = fc.string({
      unit: fc.constantFrom(...alphabet, ..."==-_ \n\r\t,.é\0"),
      maxLength: 24,
    });
    fc.assert(
      fc.property(fc.oneof(almost, fc.string({ unit: arbitraryCharacter })), (text) => {
        const value = fromBase64(text);
        if (value !== undefined) expect(base64(value)).toBe(text);
      }),
      { numRuns: 1_000 },
    );
  });

  test.each([
    ["no padding", "Zg"],
    ["half the padding", "Zg="],
    ["too much padding", "Zg==="],
    ["padding alone", "===="],
    ["padding after a full group", "Zm9v===="],
    ["padding inside", "Zg==Zg=="],
    ["one character over", "Zm9vY"],
    ["stray bits in the last character", "Zh=="],
    ["stray bits in the last of three", "Zm9="],
    ["the other alphabet", "-_-_"],
    ["white space before", " Zm9v"],
    ["white space after", "Zm9v "],
    ["white space inside", "Zm 9v"],
    ["a line end", "Zm9v\n"],
    ["a carriage return", "Zm9v\r\n"],
    ["a NUL", "Zm9\0"],
    ["a letter that looks like another", "Zm9\u03bd"],
    ["a full-width letter", "Zm9\uff56"],
    ["a byte order mark", "\ufeffZm9v"],
  ])("is not read with %s", (_, text) => {
    expect(fromBase64(text)).toBeUndefined();
  });
});
