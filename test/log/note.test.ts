import { createPublicKey, verify } from "node:crypto";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { base64 } from "../../src/log/base64.ts";
import {
  formatNote,
  formatVerifierKey,
  isKeyName,
  keyIdOf,
  type Note,
  NoteError,
  parseNote,
  parseVerifierKey,
  type VerifierKey,
} from "../../src/log/note.ts";
import { sha256 } from "../../src/log/sha256.ts";
import { makeSigningKey, signNote } from "../../src/log/signing-key.ts";
import { arbitraryCharacter } from "../support/arbitrary-entry.ts";
import { publishedNotes } from "./published-notes.ts";

const keyOf = (text: string) => parseVerifierKey(sha256, text);
const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString("hex");

/** Whether a note has a signature of this key, and it is right. */
function isSignedBy({ name, keyId, publicKey }: VerifierKey, note: Note): boolean {
  const key = createPublicKey({
    key: { kty: "OKP", crv: "Ed25519", x: Buffer.from(publicKey).toString("base64url") },
    format: "jwk",
  });
  const own = note.signatures.filter((s) => s.keyName === name && hex(s.keyId) === hex(keyId));
  return own.some(({ signature }) => verify(null, Buffer.from(note.text), key, signature));
}

const signature = (bytes: number, fill = 7) => base64(new Uint8Array(bytes).fill(fill));
const line = (name = "example.com/log", encoded = signature(68)) => `— ${name} ${encoded}\n`;
const text = "example.com/log\n12\nabc\n";

describe("a signed note", () => {
  test.each(publishedNotes)("as $source prints it is read and written as it is", ({ note }) => {
    expect(formatNote(parseNote(note))).toBe(note);
  });

  test.each(publishedNotes.filter(({ keys }) => keys.length > 0))(
    "as $source prints it is signed by the keys printed there, and by these alone",
    ({ note, keys }) => {
      const parsed = parseNote(note);
      const stranger = makeSigningKey("example.com/stranger").verifier;
      expect(isSignedBy(stranger, parsed)).toBe(false);
      for (const key of keys) {
        expect(isSignedBy(keyOf(key), parsed)).toBe(true);
        expect(isSignedBy(keyOf(key), { ...parsed, text: `${parsed.text}\n` })).toBe(false);
      }
    },
  );

  test("is taken apart into text, names, key ids and signatures", () => {
    const note = `${text}\n${line("a", signature(68, 1))}${line("b/c", signature(5, 2))}`;
    expect(parseNote(note)).toEqual({
      text,
      signatures: [
        { keyName: "a", keyId: Uint8Array.of(1, 1, 1, 1), signature: new Uint8Array(64).fill(1) },
        { keyName: "b/c", keyId: Uint8Array.of(2, 2, 2, 2), signature: Uint8Array.of(2) },
      ],
    });
  });

  const lines = fc.array(
    fc.oneof(
      fc.string({ unit: arbitraryCharacter }).map((value) => value.replaceAll(/\p{Cc}/gu, "")),
      fc.constantFrom("", "", "— a b c", line().trim(), " ", "—", "\u2028", "\ufeff", "\u{1f986}"),
    ),
  );
  const signatures = fc.array(
    fc.record({
      keyName: fc.string({ unit: arbitraryCharacter, minLength: 1 }).filter(isKeyName),
      keyId: fc.uint8Array({ minLength: 4, maxLength: 4 }),
      signature: fc.uint8Array({ minLength: 1, maxLength: 100 }),
    }),
    { minLength: 1, maxLength: 20 },
  );

  test("of any lines, blank ones and such that look like signatures too, is read back", () => {
    fc.assert(
      fc.property(lines, signatures, (before, signed) => {
        const note = { text: `${before.join("\n")}\n`, signatures: signed };
        expect(parseNote(formatNote(note))).toEqual(note);
      }),
      { numRuns: 1_000 },
    );
  });

  test("that is accepted is what it is written as: there is one text of it", () => {
    const pieces = fc.constantFrom(
      ...["\n", "\n\n", "—", " ", "a", "AAAAAAA=", "AAAAAAB=", "AAAAAA", "x+y", "\r", "\t"],
      ...["— a AAAAAAA=\n", "— a AAAAAAB=\n", "— a  AAAAAAA=\n", "\u00a0", "\0", "\ud800"],
    );
    let accepted = 0;
    fc.assert(
      fc.property(fc.array(pieces, { maxLength: 12 }), fc.boolean(), (parts, signed) => {
        const note = `${parts.join("")}${signed ? `\n\n${line()}` : ""}`;
        try {
          expect(formatNote(parseNote(note))).toBe(note);
          accepted++;
        } catch (error) {
          expect(error).toBeInstanceOf(NoteError);
        }
      }),
      { numRuns: 2_000 },
    );
    expect(accepted).toBeGreaterThan(100);
  });

  test("accepts 16 signatures and more, of post-quantum length too, and at most 100", () => {
    const note = (count: number, bytes: number) =>
      `${text}\n${line("a", signature(4 + bytes)).repeat(count)}`;
    expect(parseNote(note(16, 5_000)).signatures).toHaveLength(16);
    expect(parseNote(note(100, 64)).signatures).toHaveLength(100);
    expect(() => parseNote(note(101, 64))).toThrow("too many signatures");
  });

  test("hands on every signature, the same one twice and several of one name too", () => {
    const twice = `${text}\n${line("a", signature(68, 1))}${line("a", signature(68, 1))}${line("a", signature(68, 2))}`;
    expect(parseNote(twice).signatures.map(({ keyId }) => keyId[0])).toEqual([1, 1, 2]);
  });

  test("is at most a mebibyte of UTF-8", () => {
    const most = 1024 * 1024 - Buffer.byteLength(`\n\n${line()}`);
    const note = (start: string) => `${start}\n\n${line()}`;
    expect(parseNote(note("x".repeat(most))).text).toHaveLength(most + 1);
    expect(() => parseNote(note("x".repeat(most + 1)))).toThrow("too large");
    expect(() => parseNote(note("€".repeat(most / 3 + 1)))).toThrow("too large");
    const long = `${text}\n${line("a", signature(700_000))}`;
    expect(parseNote(long).signatures[0]?.signature).toHaveLength(700_000 - 4);
    expect(() => parseNote("— ".repeat(5_000_000))).toThrow("too large");
  });

  /** The last blank line parts text and signatures, so these lines are signed text. */
  test("with a blank line among its signatures has those before it in its text", () => {
    const first = `${text}\n${line("a")}`;
    const note = parseNote(`${first}\n${line("b")}`);
    expect(note.text).toBe(first);
    expect(note.signatures.map(({ keyName }) => keyName)).toEqual(["b"]);
  });

  const reasons = {
    control: "the note has a control character",
    end: "the note does not end in a line end",
    none: "the note has no signatures",
    line: "a signature line is malformed",
    signature: "a signature is malformed",
    unicode: "the note is not valid Unicode",
  };
  const { control, end, none, line: badLine, signature: badSignature, unicode } = reasons;
  const good = `${text}\n${line()}`;

  test.each<[string, string, string]>([
    ["nothing", end, ""],
    ["a line end alone", none, "\n"],
    ["no signatures", none, text],
    ["a blank line and no signatures", none, `${text}\n`],
    ["no blank line", none, `${text}${line()}`],
    ["no text", none, `\n${line()}`],
    ["no line end after the last signature", end, good.slice(0, -1)],
    ["a blank line after the last signature", none, `${good}\n`],
    ["two blank lines after the last signature", none, `${good}\n\n`],
    ["CRLF throughout", control, good.replaceAll("\n", "\r\n")],
    ["CRLF at the end", control, `${good.slice(0, -1)}\r\n`],
    ["CR in the text", control, `a\rb\n\n${line()}`],
    ["a tab in the text", control, `a\tb\n\n${line()}`],
    ["a NUL in the text", control, `a\0b\n\n${line()}`],
    ["a unit separator in the text", control, `a\u001fb\n\n${line()}`],
    ["a tab in a signature line", control, `${text}\n— a\t${signature(68)}\n`],
    ["a trailing space", badLine, `${text}\n${line().trim()} \n`],
    ["a leading space", badLine, `${text}\n ${line()}`],
    ["two spaces after the dash", badLine, `${text}\n${line(" a")}`],
    ["two spaces before the signature", badLine, `${text}\n— a  ${signature(68)}\n`],
    ["a space in the blank line", none, `${text} \n${line()}`],
    ["a hyphen for the dash", badLine, `${text}\n- a ${signature(68)}\n`],
    ["an en dash", badLine, `${text}\n– a ${signature(68)}\n`],
    ["two em dashes", badLine, `${text}\n—— a ${signature(68)}\n`],
    ["no dash", badLine, `${text}\na ${signature(68)}\n`],
    ["a dash alone", badLine, `${text}\n—\n`],
    ["a dash and a space alone", badLine, `${text}\n— \n`],
    ["a name alone", badSignature, `${text}\n— a\n`],
    ["a name and a space", badSignature, `${text}\n— a \n`],
    ["an empty name", badLine, `${text}\n—  ${signature(68)}\n`],
    ["a fourth word", badLine, `${text}\n— a ${signature(68)} b\n`],
    ["a stranger's line among the signatures", badLine, `${good}Unexpected line.\n${line()}`],
    ["a stranger's line at the end", badLine, `${good}Unexpected line.\n`],
    ["a space in a name", badLine, `${text}\n${line("Bad Name")}`],
    ["a plus in a name", badLine, `${text}\n${line("a+b")}`],
    ["a no-break space in a name", badLine, `${text}\n${line("a\u00a0b")}`],
    ["an ogham space in a name", badLine, `${text}\n${line("a\u1680b")}`],
    ["an em space in a name", badLine, `${text}\n${line("a\u2003b")}`],
    ["a line separator in a name", badLine, `${text}\n${line("a\u2028b")}`],
    ["a paragraph separator in a name", badLine, `${text}\n${line("a\u2029b")}`],
    ["an ideographic space in a name", badLine, `${text}\n${line("a\u3000b")}`],
    ["a next line in a name", badLine, `${text}\n${line("a\u0085b")}`],
    ["a delete in a name", badLine, `${text}\n${line("a\u007fb")}`],
    ["a signature of no bytes", badSignature, `${text}\n${line("a", "====")}`],
    ["a key id alone", badSignature, `${text}\n${line("a", signature(4))}`],
    ["3 bytes", badSignature, `${text}\n${line("a", signature(3))}`],
    ["base64 without its padding", badSignature, `${text}\n${line("a", "AAAAAAA")}`],
    ["base64 with stray bits", badSignature, `${text}\n${line("a", "AAAAAAB=")}`],
    ["base64 with more padding", badSignature, `${text}\n${line("a", "AAAAAAAA====")}`],
    ["base64 of the other alphabet", badSignature, `${text}\n${line("a", "AAAA-_AA")}`],
    ["hexadecimal of an odd length", badSignature, `${text}\n${line("a", "0123456789abc")}`],
    ["a high surrogate alone in the text", unicode, `a\ud800b\n\n${line()}`],
    ["a low surrogate alone in the text", unicode, `a\udc00b\n\n${line()}`],
    ["surrogates the wrong way round", unicode, `\udc00\ud800\n\n${line()}`],
    ["a surrogate alone in a name", unicode, `${text}\n${line("a\ud800")}`],
    ["a byte order mark before a signature", badLine, `${text}\n\ufeff${line()}`],
  ])("is refused with %s: %s", (_, reason, note) => {
    expect(() => parseNote(note)).toThrow(new NoteError(reason));
  });

  test("fails if any byte of it is another, is left out, or is there twice", () => {
    const key = makeSigningKey("example.com/log");
    const note = Buffer.from(signNote(key, `${text}\nwith — a second\n`));
    expect(isSignedBy(key.verifier, parseNote(note.toString()))).toBe(true);
    const passes = (bytes: Buffer) => {
      try {
        return isSignedBy(key.verifier, parseNote(bytes.toString()));
      } catch (error) {
        if (error instanceof NoteError) return false;
        throw error;
      }
    };
    const passed: string[] = [];
    for (let at = 0; at < note.length; at++) {
      for (let bit = 0; bit < 8; bit++) {
        const changed = Buffer.from(note);
        changed[at] = (changed[at] ?? 0) ^ (1 << bit);
        if (passes(changed)) passed.push(`byte ${at}, bit ${bit}`);
      }
      const without = Buffer.concat([note.subarray(0, at), note.subarray(at + 1)]);
      if (passes(without)) passed.push(`byte ${at} left out`);
      const twice = Buffer.concat([note.subarray(0, at + 1), note.subarray(at)]);
      if (passes(twice)) passed.push(`byte ${at} twice`);
      if (passes(note.subarray(0, at))) passed.push(`cut off at ${at}`);
    }
    expect(passed).toEqual([]);
  });
});

describe("a verifier key", () => {
  const published = publishedNotes.flatMap(({ keys }) => keys);

  test.each(published)("as published, %s, is read and written as it is", (key) => {
    const parsed = keyOf(key);
    expect(formatVerifierKey(parsed)).toBe(key);
    expect(hex(keyIdOf(sha256, parsed.name, parsed.publicKey))).toBe(hex(parsed.keyId));
  });

  test("of any name is read back", () => {
    const names = fc.string({ unit: arbitraryCharacter, minLength: 1 }).filter(isKeyName);
    fc.assert(
      fc.property(names, fc.uint8Array({ minLength: 32, maxLength: 32 }), (name, publicKey) => {
        const keyId = new Uint8Array(keyIdOf(sha256, name, publicKey));
        const parsed = keyOf(formatVerifierKey({ name, keyId, publicKey }));
        expect({ ...parsed, keyId: new Uint8Array(parsed.keyId) }).toEqual({
          name,
          keyId,
          publicKey,
        });
      }),
      { numRuns: 500 },
    );
  });

  test("is refused with any part of it missing and any character another", () => {
    const key = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
    for (let from = 0; from < key.length; from++) {
      for (let to = from; to <= key.length; to++) {
        if (from === 0 && to === key.length) continue;
        expect(() => keyOf(key.slice(from, to))).toThrow(NoteError);
      }
      for (const by of [1, 32]) {
        const other = String.fromCharCode(key.charCodeAt(from) ^ by);
        expect(() => keyOf(`${key.slice(0, from)}${other}${key.slice(from + 1)}`)).toThrow(
          NoteError,
        );
      }
    }
  });

  const encoded = "ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
  test.each([
    ["another's id", `PeterNeumann+c74f20a4+${encoded}`, "id is not its own"],
    ["another's name", `PeterNeuman+c74f20a3+${encoded}`, "id is not its own"],
    ["an id in capitals", `PeterNeumann+C74F20A3+${encoded}`, "is not name+id+key"],
    ["a short id", `PeterNeumann+c74f20a+${encoded}`, "is not name+id+key"],
    ["a long id", `PeterNeumann+0c74f20a3+${encoded}`, "is not name+id+key"],
    ["no name", `+c74f20a3+${encoded}`, "is not name+id+key"],
    ["a name with a space", `Peter Neumann+c74f20a3+${encoded}`, "is not name+id+key"],
    ["a name with a plus", `Peter+Neumann+c74f20a3+${encoded}`, "is not name+id+key"],
    ["a line end", `PeterNeumann+c74f20a3+${encoded}\n`, "is not name+id+key"],
    ["a space before", ` PeterNeumann+c74f20a3+${encoded}`, "is not name+id+key"],
    ["two keys", `PeterNeumann+c74f20a3+${encoded}+${encoded}`, "is not"],
    [
      "more bytes, with the id of these",
      `PeterNeumann+cc469956+${encoded}BADKEY==`,
      "is not an Ed25519 key",
    ],
    [
      "another type, with the id of this",
      `PeterNeumann+173116ae+Z${encoded.slice(1)}`,
      "is not an Ed25519 key",
    ],
    ["the type alone", "PeterNeumann+c74f20a3+AQ==", "is not an Ed25519 key"],
    ["the other alphabet", `PeterNeumann+c74f20a3+${encoded.replace("/", "_")}`, "is not"],
    ["the form of a private key", `PRIVATE+KEY+PeterNeumann+c74f20a3+${encoded}`, "is not"],
    ["nothing", "", "is not name+id+key"],
    ["garbage", "\0\ud800+++", "is not name+id+key"],
  ])("is refused with %s", (_, key, reason) => {
    expect(() => keyOf(key)).toThrow(NoteError);
    expect(() => keyOf(key)).toThrow(reason);
  });

  test("has no name that is empty or has white space, a plus, a control or half a character", () => {
    for (const name of [
      "a",
      "example.com/log",
      "é",
      "日本",
      "\u{1f986}",
      "a-b_c.d:8080/e?f#g%20",
    ]) {
      expect(isKeyName(name)).toBe(true);
    }
    const spaces = [..."\t\n\v\f\r \u0085\u00a0\u1680\u2028\u2029\u202f\u205f\u3000"];
    for (let code = 0x2000; code <= 0x200a; code++) spaces.push(String.fromCharCode(code));
    for (const bad of [...spaces, "+", "\0", "\u001f", "\u007f", "\u009f", "\ud800", "\udc00"]) {
      for (const name of [bad, `a${bad}`, `${bad}a`, `a${bad}a`])
        expect(isKeyName(name)).toBe(false);
    }
    expect(isKeyName("")).toBe(false);
  });
});
