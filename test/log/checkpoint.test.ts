import { randomBytes } from "node:crypto";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { formatTeamId, platformTeamId } from "../../src/ids.ts";
import { base64 } from "../../src/log/base64.ts";
import { checkpointOrigin, formatCheckpoint, parseCheckpoint } from "../../src/log/checkpoint.ts";
import { isKeyName, NoteError, parseNote } from "../../src/log/note.ts";
import { maxTreeSize } from "../../src/log/proof.ts";
import { arbitraryCharacter } from "../support/arbitrary-entry.ts";
import { newTeam } from "../support/new-entry.ts";
import { publishedNotes } from "./published-notes.ts";

const root = randomBytes(32);
const text = (size: string) => `example.com/log\n${size}\n${base64(root)}\n`;

describe("a checkpoint", () => {
  test("as C2SP tlog-checkpoint prints it is read and written as it is", () => {
    const published = publishedNotes.find(({ source }) => source === "C2SP tlog-checkpoint");
    const note = parseNote(published?.note ?? "");
    const checkpoint = parseCheckpoint(note.text);
    expect(checkpoint).toEqual({
      origin: "example.com/behind-the-sofa",
      size: 20_852_163n,
      root: new Uint8Array(Buffer.from("CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=", "base64")),
    });
    expect(formatCheckpoint(checkpoint)).toBe(note.text);
  });

  test("of any log, size and root is read back", () => {
    fc.assert(
      fc.property(
        fc.string({ unit: arbitraryCharacter, minLength: 1 }).filter(isKeyName),
        fc.bigInt({ min: 0n, max: maxTreeSize }),
        fc.uint8Array({ minLength: 32, maxLength: 32 }),
        (keyName, size, hash) => {
          const origin = checkpointOrigin(keyName, newTeam());
          expect(parseCheckpoint(formatCheckpoint({ origin, size, root: hash }))).toEqual({
            origin,
            size,
            root: hash,
          });
        },
      ),
      { numRuns: 1_000 },
    );
  });

  test("that is accepted is what it is written as: there is one text of it", () => {
    const pieces = fc.constantFrom(
      ...["\n", "0", "1", "12", "-", "+", " ", "\r", "e3", ".0", "0x", "a", "_", base64(root)],
      ...["9223372036854775807", "9223372036854775808", "\u0661", "\n\n", "AAAA", "="],
    );
    const wholes = fc.constantFrom(text("0"), text("12"), text("007"), text("1"));
    let accepted = 0;
    fc.assert(
      fc.property(fc.array(fc.oneof(pieces, wholes), { maxLength: 8 }), (parts) => {
        const value = parts.join("");
        try {
          expect(formatCheckpoint(parseCheckpoint(value))).toBe(value);
          accepted++;
        } catch (error) {
          expect(error).toBeInstanceOf(NoteError);
        }
      }),
      { numRuns: 2_000 },
    );
    expect(accepted).toBeGreaterThan(50);
  });

  test("is of the log of its key's name and its team", () => {
    const team = newTeam();
    expect(checkpointOrigin("audit.example.com", team)).toBe(
      `audit.example.com/${formatTeamId(team)}`,
    );
    expect(checkpointOrigin("a/b", platformTeamId)).toBe(
      "a/b/team-00000000-0000-0000-0000-000000000000",
    );
  });

  test.each([
    ["0", 0n],
    ["1", 1n],
    ["10", 10n],
    ["9007199254740993", 2n ** 53n + 1n],
    ["999999999999999999", 10n ** 18n - 1n],
    ["9223372036854775807", 2n ** 63n - 1n],
  ])("may have the size %s, to the last digit", (digits, size) => {
    expect(parseCheckpoint(text(digits)).size).toBe(size);
    expect(formatCheckpoint({ origin: "example.com/log", size, root })).toBe(text(digits));
  });

  test.each([
    ["2^63", "9223372036854775808"],
    ["2^64", "18446744073709551616"],
    ["the most of 19 digits", "9999999999999999999"],
    ["a hundred digits", "1".repeat(100)],
    ["a million digits", "1".repeat(1_000_000)],
    ["a leading zero", "012"],
    ["two zeros", "00"],
    ["a plus", "+1"],
    ["a minus", "-1"],
    ["minus zero", "-0"],
    ["nothing", ""],
    ["a space before", " 1"],
    ["a space after", "1 "],
    ["a tab after", "1\t"],
    ["a carriage return", "1\r"],
    ["hexadecimal digits", "1f"],
    ["a hexadecimal prefix", "0x1f"],
    ["a BigInt's suffix", "1n"],
    ["a separator", "1_000"],
    ["a comma", "1,000"],
    ["a fraction", "1.0"],
    ["an exponent", "1e3"],
    ["Arabic digits", "\u0661\u0662"],
    ["full-width digits", "\uff11"],
    ["a byte order mark", "\ufeff1"],
  ])("cannot have %s for a size", (_, size) => {
    const reason = "the checkpoint's size is not a number up to 2^63 - 1";
    expect(() => parseCheckpoint(text(size))).toThrow(new NoteError(reason));
  });

  const encoded = base64(root);
  test.each([
    ["31 bytes", base64(randomBytes(31))],
    ["33 bytes", base64(randomBytes(33))],
    ["nothing", ""],
    ["hexadecimal", root.toString("hex")],
    ["no padding", encoded.slice(0, -1)],
    // 32 bytes leave two bits of the last character that must not be set.
    ["stray bits", `${base64(new Uint8Array(32)).slice(0, -2)}B=`],
    ["the other alphabet", `_-${encoded.slice(2)}`],
    ["a space after", `${encoded} `],
    ["a space before", ` ${encoded}`],
    ["a carriage return", `${encoded}\r`],
    ["two hashes", `${encoded}${encoded}`],
  ])("cannot have %s for a root", (_, hash) => {
    const reason = "the checkpoint's root is not a SHA-256 hash";
    expect(() => parseCheckpoint(`example.com/log\n12\n${hash}\n`)).toThrow(new NoteError(reason));
  });

  test.each([
    ["nothing in it", ""],
    ["an origin alone", "example.com/log\n"],
    ["no root", "example.com/log\n12\n"],
    ["no origin", `12\n${encoded}\n`],
    ["an empty origin", `\n12\n${encoded}\n`],
    ["no line end", `example.com/log\n12\n${encoded}`],
    ["a blank line after it", `${text("12")}\n`],
    ["a blank line before it", `\n${text("12")}`],
    ["an extension line", `${text("12")}extension\n`],
    ["an extension line without its end", `${text("12")}extension`],
    ["a second checkpoint", `${text("12")}${text("13")}`],
    ["other line ends", text("12").replaceAll("\n", "\u2028")],
    ["carriage returns for line ends", text("12").replaceAll("\n", "\r")],
  ])("is refused with %s", (_, value) => {
    expect(() => parseCheckpoint(value)).toThrow(
      new NoteError("the checkpoint is not three lines"),
    );
  });
});
