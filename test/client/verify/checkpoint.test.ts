import { webcrypto } from "node:crypto";
import fc from "fast-check";
import { afterEach, describe, expect, test, vi } from "vitest";
import { Verifier } from "../../../src/client/verify/verifier.ts";
import { base64 } from "../../../src/log/base64.ts";
import { formatNote, formatVerifierKey, keyIdOf, parseNote } from "../../../src/log/note.ts";
import { sha256 } from "../../../src/log/sha256.ts";
import { makeSigningKey, signNote } from "../../../src/log/signing-key.ts";
import { publishedNotes } from "../../log/published-notes.ts";
import { newId } from "../../support/server.ts";
import { at, refusal, SignedLog, signedLog } from "./signed-log.ts";

const log = signedLog(5);
const verifier = log.verifier();
const note = log.note();
const text = note.slice(0, note.indexOf("\n\n") + 1);
const signatureLine = note.slice(note.indexOf("\n\n") + 2);

const fault = async (changed: string, by = verifier, teamId = log.teamId) =>
  (await refusal(() => by.verifyCheckpoint(changed, teamId))).fault;

afterEach(() => vi.unstubAllGlobals());

describe("a checkpoint", () => {
  test("that a known key has signed tells size and root of the team's log", async () => {
    expect(await verifier.verifyCheckpoint(note, log.teamId)).toEqual({
      origin: `audit.example.com/${log.teamId}`,
      size: 5n,
      root: new Uint8Array(log.root()),
      note,
      teamId: log.teamId,
    });
  });

  test("of an empty log is one too", async () => {
    const empty = new SignedLog(log.key);
    const { size } = await verifier.verifyCheckpoint(empty.note(), empty.teamId);
    expect(size).toBe(0n);
  });

  test("may be signed by other keys as well, before and after, of the same name or id too", async () => {
    const { signatures } = parseNote(note);
    const own = at(signatures, 0);
    const stranger = { ...own, signature: new Uint8Array(64) };
    const others = [
      { ...stranger, keyName: "another.example.com" },
      { ...stranger, keyId: Uint8Array.of(1, 2, 3, 4) },
      { ...stranger, keyId: Uint8Array.of(1, 2, 3, 4), signature: new Uint8Array(2_420) },
    ];
    const signed = formatNote({ text, signatures: [...others, own, ...others] });
    expect((await verifier.verifyCheckpoint(signed, log.teamId)).size).toBe(5n);
  });

  test("may be signed by any of several keys while they are rotated", async () => {
    const next = makeSigningKey("audit.example.com");
    const both = log.verifier({ keys: [log.verifierKey, formatVerifierKey(next.verifier)] });
    const signatures = [note, log.note(5n, next)].flatMap((each) => parseNote(each).signatures);
    for (const signed of [note, log.note(5n, next), formatNote({ text, signatures })]) {
      expect((await both.verifyCheckpoint(signed, log.teamId)).size).toBe(5n);
    }
    const wrong = { ...at(signatures, 1), signature: at(signatures, 0).signature };
    const halfWrong = formatNote({ text, signatures: [at(signatures, 0), wrong] });
    expect(await fault(halfWrong, both)).toBe("signature_invalid");
    expect((await verifier.verifyCheckpoint(halfWrong, log.teamId)).size).toBe(5n);
  });

  const published = publishedNotes.filter(({ keys }) => keys.length > 0);
  test.each(published)("is looked for behind the signatures: $source", async ({ note, keys }) => {
    const known = new Verifier({ keys });
    expect(await fault(note, known)).toBe("checkpoint_malformed");
    expect(await fault(note.replace("e", "E"), known)).toBe("signature_invalid");
    expect(await fault(note)).toBe("unknown_key");
  });

  const signed = (changed: string) => signNote(log.key, changed);
  const otherKey = makeSigningKey("audit.example.com");
  test.each([
    ["with CRLF", note.replaceAll("\n", "\r\n"), "note_malformed"],
    ["with a space at the end of its size", note.replace("\n5\n", "\n5 \n"), "signature_invalid"],
    ["with a space at the end of a signature", note.replace(/\n$/, " \n"), "note_malformed"],
    ["without its final line end", note.slice(0, -1), "note_malformed"],
    ["with a line end too many", `${note}\n`, "note_malformed"],
    ["without the blank line", note.replace("\n\n", "\n"), "note_malformed"],
    ["without signatures", `${text}\n`, "note_malformed"],
    ["with a hyphen for the dash", note.replace("—", "-"), "note_malformed"],
    ["with a byte order mark", `\ufeff${note}`, "signature_invalid"],
    ["with base64 that is not canonical", note.replace(/(.)=\n$/, "B=\n"), "note_malformed"],
    ["with a lone surrogate", note.replace("audit", "\ud800"), "note_malformed"],
    ["with the same signature twice", note + signatureLine, "duplicate_signature"],
    ["of an unknown key of the same name", log.note(5n, otherKey), "unknown_key"],
    ["under another key id", note.replace(/com \S{6}/, "com AAAAAA"), "unknown_key"],
    ["under another name", note.replace("— audit", "— Audit"), "unknown_key"],
    ["with another size", note.replace("\n5\n", "\n6\n"), "signature_invalid"],
    ["with a signature that is too short", short(note, 63), "signature_invalid"],
    ["with a signature that is too long", short(note, 65), "signature_invalid"],
    ["with a signature of nothing but an id", short(note, 0), "note_malformed"],
    ["empty", "", "note_malformed"],
    ["that is too large", `${"x".repeat(2 ** 20)}${note}`, "note_malformed"],
    ["signed, of two lines", signed(text.replace(/.{44}\n$/, "")), "checkpoint_malformed"],
    ["signed, with another line", signed(`${text}more\n`), "checkpoint_malformed"],
    ["signed, of size -1", signed(text.replace("\n5\n", "\n-1\n")), "checkpoint_malformed"],
    ["signed, of size 05", signed(text.replace("\n5\n", "\n05\n")), "checkpoint_malformed"],
    [
      "signed, of size 2^63",
      signed(text.replace("\n5\n", `\n${2n ** 63n}\n`)),
      "checkpoint_malformed",
    ],
    [
      "signed, of a short root",
      signed(text.replace(/\n\S{43}=\n$/, "\nAAAA\n")),
      "checkpoint_malformed",
    ],
  ])("%s is refused", async (_, changed, expected) => {
    expect(await fault(changed)).toBe(expected);
  });

  test.each([
    ["of another team", log.note(5n, log.key, `audit.example.com/${newId("team")}`)],
    ["of the key's name alone", log.note(5n, log.key, "audit.example.com")],
    ["of another server", log.note(5n, log.key, `other.example.com/${log.teamId}`)],
    ["of a team below the team", log.note(5n, log.key, `audit.example.com/x/${log.teamId}`)],
    ["with something behind the team", log.note(5n, log.key, `audit.example.com/${log.teamId}/`)],
  ])("signed by the right key, %s, is of a wrong origin", async (_, changed) => {
    expect(await fault(changed)).toBe("wrong_origin");
  });

  test("is of a wrong origin for any other team, and for what is no team", async () => {
    for (const teamId of [newId("team"), "", log.team, log.teamId.toUpperCase()]) {
      expect(await fault(note, verifier, teamId)).toBe("wrong_origin");
    }
  });

  test("whose origin is another known key's is of a wrong origin", async () => {
    const other = makeSigningKey("other.example.com");
    const both = log.verifier({ keys: [log.verifierKey, formatVerifierKey(other.verifier)] });
    const origin = `other.example.com/${log.teamId}`;
    expect(await fault(log.note(5n, log.key, origin), both)).toBe("wrong_origin");
  });
});

/** The note with a signature of another length. */
function short(signedNote: string, length: number): string {
  const { text: body, signatures } = parseNote(signedNote);
  const { keyName, keyId, signature } = at(signatures, 0);
  const bytes = new Uint8Array(length);
  bytes.set(signature.subarray(0, length));
  return `${body}\n— ${keyName} ${base64(Uint8Array.of(...keyId, ...bytes))}\n`;
}

describe.each([
  ["WebCrypto", webcrypto],
  ["@noble/ed25519", undefined],
])("by %s", (_, crypto) => {
  test("no byte of a checkpoint can be changed, taken out or put in", async () => {
    vi.stubGlobal("crypto", crypto);
    const bytes = Buffer.from(note);
    const change = fc.record({
      at: fc.nat(bytes.length - 1),
      kind: fc.constantFrom("flip", "remove", "insert"),
      value: fc.integer({ min: 1, max: 255 }),
    });
    const all = Array.from(bytes, (_byte, position) => ({ at: position, kind: "flip", value: 1 }));
    await fc.assert(
      fc.asyncProperty(change, async ({ at: position, kind, value }) => {
        const changed = Buffer.from(bytes);
        changed[position] = (changed[position] ?? 0) ^ value;
        const [start, end] = [bytes.subarray(0, position), bytes.subarray(position)];
        const mutated = {
          flip: changed,
          remove: Buffer.concat([start, end.subarray(1)]),
          insert: Buffer.concat([start, Buffer.of(value), end]),
        }[kind as "flip" | "remove" | "insert"];
        // Bytes that are not UTF-8 reach a verifier as replacement characters.
        await refusal(() => verifier.verifyCheckpoint(mutated.toString(), log.teamId));
      }),
      { numRuns: 300, examples: all.map((each) => [each]) },
    );
  });
});

describe("a verifier key", () => {
  const [name, id, key] = log.verifierKey.split("+") as [string, string, string];
  test.each([
    ["empty", ""],
    ["a name alone", name],
    ["of another id", `${name}+00000000+${key}`],
    ["of another name", `x${log.verifierKey}`],
    ["in upper case", `${name}+${id.toUpperCase()}+${key}x`],
    ["with a line end", `${log.verifierKey}\n`],
    ["with something behind", `${log.verifierKey}+`],
  ])("that is %s is refused", async (_, malformed) => {
    const { fault } = await refusal(() => new Verifier({ keys: [malformed] }));
    expect(fault).toBe("key_malformed");
  });

  test("of small order is refused, for it verifies what nobody has signed", async () => {
    const publicKey = Uint8Array.of(1, ...new Uint8Array(31));
    const keyId = keyIdOf(sha256, "audit.example.com", publicKey);
    const weak = formatVerifierKey({ name: "audit.example.com", keyId, publicKey });
    const { fault } = await refusal(() => new Verifier({ keys: [log.verifierKey, weak] }));
    expect(fault).toBe("key_malformed");
  });

  test("can be given twice", async () => {
    const twice = log.verifier({ keys: [log.verifierKey, log.verifierKey] });
    expect((await twice.verifyCheckpoint(note, log.teamId)).size).toBe(5n);
  });

  test("there need be none, and then nothing is signed by a known one", async () => {
    expect(await fault(note, new Verifier({ keys: [] }))).toBe("unknown_key");
  });
});
