import { verify } from "node:crypto";
import { inspect } from "node:util";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { base64 } from "../../src/log/base64.ts";
import {
  formatVerifierKey,
  isKeyName,
  keyIdOf,
  NoteError,
  parseNote,
  parseVerifierKey,
} from "../../src/log/note.ts";
import { sha256 } from "../../src/log/sha256.ts";
import {
  formatSigningKey,
  makeSigningKey,
  parseSigningKey,
  signNote,
} from "../../src/log/signing-key.ts";
import { arbitraryCharacter } from "../support/arbitrary-entry.ts";

/** A key and what it signs, from the tests of Go's sumdb/note. */
const seed = "AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz";
const published = `PRIVATE+KEY+PeterNeumann+c74f20a3+${seed}`;
const text =
  "If you think cryptography is the answer to your problem,\n" +
  "then you don't know what your problem is.\n";
const signature =
  "x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=";

/** Fails unless the text is refused by an error that has nothing of the seed, even in its depths. */
function expectRefusal(key: string, reason = ""): void {
  let refusal: unknown;
  try {
    parseSigningKey(key);
  } catch (error) {
    refusal = error;
  }
  if (!(refusal instanceof NoteError)) expect.fail(`refused by ${refusal}`);
  expect(refusal.message).toContain(reason);
  const all = inspect(refusal, { depth: 9, showHidden: true }) + refusal.stack;
  for (let at = 0; at + 8 <= seed.length; at++) {
    if (all.includes(seed.slice(at, at + 8))) expect.fail(`told ${seed.slice(at, at + 8)}`);
  }
}

describe("a signing key", () => {
  test("in the form of Go's notes has the verifier key and the signature published with it", () => {
    const key = parseSigningKey(published);
    expect(formatVerifierKey(key.verifier)).toBe(
      "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
    );
    expect(signNote(key, text)).toBe(`${text}\n— PeterNeumann ${signature}\n`);
    expect(formatSigningKey(key)).toBe(published);
  });

  test("of any name signs the same when it was written and read back", () => {
    const names = fc.string({ unit: arbitraryCharacter, minLength: 1 }).filter(isKeyName);
    fc.assert(
      fc.property(names, (name) => {
        const key = makeSigningKey(name);
        const again = parseSigningKey(formatSigningKey(key));
        expect(formatVerifierKey(again.verifier)).toBe(formatVerifierKey(key.verifier));
        expect(signNote(again, text)).toBe(signNote(key, text));
        expect(again.verifier.name).toBe(name);
      }),
      { numRuns: 200 },
    );
  });

  test("signs notes that its verifier key, and no other, verifies", () => {
    const key = makeSigningKey("example.com/log");
    const other = makeSigningKey("example.com/log");
    const note = parseNote(signNote(key, text));
    expect(note.text).toBe(text);
    const [signed, ...more] = note.signatures;
    if (signed === undefined) expect.fail("no signature");
    expect(more).toEqual([]);
    expect(signed.keyName).toBe("example.com/log");
    expect(Buffer.from(signed.keyId).equals(key.verifier.keyId)).toBe(true);
    expect(verify(null, Buffer.from(text), key.privateKey, signed.signature)).toBe(true);
    expect(verify(null, Buffer.from(text), other.privateKey, signed.signature)).toBe(false);
    expect(verify(null, Buffer.from(`${text} `), key.privateKey, signed.signature)).toBe(false);
    const parsed = parseVerifierKey(sha256, formatVerifierKey(key.verifier));
    expect(Buffer.from(parsed.publicKey).equals(key.verifier.publicKey)).toBe(true);
  });

  test("is another each time it is made", () => {
    const made = Array.from({ length: 20 }, () => formatSigningKey(makeSigningKey("a")));
    expect(new Set(made).size).toBe(20);
  });

  test("is not made with a name that no note can have", () => {
    for (const name of [
      "",
      " ",
      "a b",
      "a+b",
      "a\n",
      "\ta",
      "a\u00a0",
      "a\u2028b",
      "a\0",
      "\ud800",
    ]) {
      expect(() => makeSigningKey(name)).toThrow(NoteError);
    }
  });

  test("is refused with any part of it missing and any character another, and nothing of it told", () => {
    for (let from = 0; from < published.length; from++) {
      for (let to = from; to <= published.length; to++) {
        if (from !== 0 || to !== published.length) expectRefusal(published.slice(from, to));
      }
      for (const by of [1, 32]) {
        const other = String.fromCharCode(published.charCodeAt(from) ^ by);
        expectRefusal(`${published.slice(0, from)}${other}${published.slice(from + 1)}`);
      }
    }
  });

  const withId = (name: string, key: Uint8Array) =>
    `PRIVATE+KEY+${name}+${Buffer.from(keyIdOf(sha256, name, key)).toString("hex")}`;
  const { publicKey } = parseSigningKey(published).verifier;

  test.each([
    ["nothing", "", "is not PRIVATE+KEY+name+id+key"],
    ["another's id", published.replace("c74f20a3", "c74f20a4"), "id is not its own"],
    ["another's name", published.replace("Neumann", "Neuman"), "id is not its own"],
    ["an id in capitals", published.replace("c74f20a3", "C74F20A3"), "is not PRIVATE+KEY"],
    ["the verifier key", "PeterNeumann+c74f20a3+ARpc2QcUPDhM", "is not PRIVATE+KEY"],
    [
      "the public key for a seed",
      `${withId("a", publicKey)}+${base64(publicKey)}`,
      "not an Ed25519",
    ],
    ["a name with a space", published.replace("Peter", "Peter "), "must not be empty or have"],
    ["a name with half a character", published.replace("Peter", "\ud800"), "must not be empty"],
    ["no name", published.replace("PeterNeumann", ""), "is not PRIVATE+KEY"],
    ["a name with a plus", published.replace("Peter", "Peter+"), "is not PRIVATE+KEY"],
    ["another seed", published.replace("Dr+Y", "Dr+Z"), "id is not its own"],
    ["type 2", published.replace("+AYEK", "+AoEK"), "is not an Ed25519 key"],
    ["a byte more", `${published.slice(0, -2)}DFzAA==`, "is not an Ed25519 key"],
    ["a byte less", `${published.slice(0, -4)}KDE=`, "is not an Ed25519 key"],
    ["bad base64", `${published.slice(0, -1)}=`, "is not an Ed25519 key"],
    ["the other alphabet", published.replace("Dr+Y", "Dr-Y"), "is not PRIVATE+KEY"],
    ["a line end", `${published}\n`, "is not PRIVATE+KEY"],
    ["a space before", ` ${published}`, "is not PRIVATE+KEY"],
    ["quotes", `"${published}"`, "is not PRIVATE+KEY"],
    ["two keys", `${published}\n${published}`, "is not PRIVATE+KEY"],
    [
      "PEM",
      `-----BEGIN PRIVATE KEY-----\n${seed}\n-----END PRIVATE KEY-----\n`,
      "is not PRIVATE+KEY",
    ],
    ["garbage", `\0\ud800${seed}`, "is not PRIVATE+KEY"],
    ["a mebibyte", `PRIVATE+KEY+a+c74f20a3+${seed.repeat(24_000)}`, "is not an Ed25519 key"],
  ])("is refused with %s, and nothing of it told", (_, key, reason) => {
    expectRefusal(key, reason);
  });

  test("does not show its secret when it is printed", () => {
    const key = parseSigningKey(published);
    const raw = Buffer.from(seed, "base64").subarray(1);
    const shown = [
      inspect(key, { depth: 9, showHidden: true }),
      JSON.stringify(key),
      String(key.privateKey),
    ].join("\n");
    for (const secret of [seed.slice(4, 20), raw.toString("hex"), raw.toString("base64")]) {
      expect(shown).not.toContain(secret);
    }
  });
});
