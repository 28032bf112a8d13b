import { base64, fromBase64 } from "./base64.ts";
import type { Sha256 } from "./merkle.ts";
import { equalBytes } from "./proof.ts";

/**
 * Signed notes and verifier keys as C2SP signed-note defines them, with Ed25519 signatures. Pure:
 * hashing is given, and signing and verifying are elsewhere.
 */

/** One signature line. */
export interface NoteSignature {
  readonly keyName: string;
  /** 4 bytes. */
  readonly keyId: Uint8Array;
  readonly signature: Uint8Array;
}

/** A signed note, not verified. */
export interface Note {
  /** What is signed, with its final line end. */
  readonly text: string;
  readonly signatures: readonly NoteSignature[];
}

/** A public key by which a note is verified. */
export interface VerifierKey {
  readonly name: string;
  /** 4 bytes. */
  readonly keyId: Uint8Array;
  /** Ed25519, 32 bytes. */
  readonly publicKey: Uint8Array;
}

/** Text that is not a signed note, or not a key. */
export class NoteError extends Error {
  override readonly name = "NoteError";
}

/** The signature type of Ed25519. */
export const ed25519Type = 1;

const utf8 = new TextEncoder();
const maxNoteBytes = 1024 * 1024;
const maxSignatures = 100;
const keyName = /^[^\p{White_Space}\p{Cc}+]+$/u;
// biome-ignore lint/suspicious/noControlCharactersInRegex: these are what it looks for
const controlCharacters = /[\u0000-\u0009\u000b-\u001f]/;

/** Whether a text can name a key: not empty, without white space, control characters and `+`. */
export function isKeyName(text: string): boolean {
  return keyName.test(text) && text.isWellFormed();
}

/**
 * Whether a text is fit to name a key of ours: visible ASCII that begins with a letter or a digit,
 * without `+`. Others may be named more freely; ours is shown in terminals and spreadsheets.
 */
export function isPlainKeyName(text: string): boolean {
  return /^[A-Za-z0-9][!-*,-~]*$/.test(text);
}

/**
 * Takes a note apart. Nothing in it may be believed before a signature is verified.
 *
 * @throws NoteError for anything but a note to the letter, or one above 1 MiB or 100 signatures.
 */
export function parseNote(note: string): Note {
  if (note.length > maxNoteBytes || utf8.encode(note).length > maxNoteBytes) {
    throw new NoteError("the note is too large");
  }
  if (!note.isWellFormed()) throw new NoteError("the note is not valid Unicode");
  if (controlCharacters.test(note)) throw new NoteError("the note has a control character");
  if (!note.endsWith("\n")) throw new NoteError("the note does not end in a line end");
  const split = note.lastIndexOf("\n\n");
  if (split === -1) throw new NoteError("the note has no signatures");
  const lines = note.slice(split + 2, -1).split("\n");
  if (split + 2 === note.length) throw new NoteError("the note has no signatures");
  if (lines.length > maxSignatures) throw new NoteError("the note has too many signatures");
  return { text: note.slice(0, split + 1), signatures: lines.map(parseSignature) };
}

function parseSignature(line: string): NoteSignature {
  const [dash, name, encoded, ...rest] = line.split(" ");
  const bytes = encoded === undefined ? undefined : fromBase64(encoded);
  if (dash !== "—" || name === undefined || !isKeyName(name) || rest.length > 0) {
    throw new NoteError("a signature line is malformed");
  }
  if (bytes === undefined || bytes.length < 5) throw new NoteError("a signature is malformed");
  return { keyName: name, keyId: bytes.subarray(0, 4), signature: bytes.subarray(4) };
}

/** The note of a text, which ends in a line end, and its signatures. */
export function formatNote({ text, signatures }: Note): string {
  const lines = signatures.map(({ keyName: name, keyId, signature }) => {
    return `— ${name} ${base64(Uint8Array.of(...keyId, ...signature))}\n`;
  });
  return `${text}\n${lines.join("")}`;
}

/** The id of a key: the first 4 bytes of SHA-256 over name, line end, type and public key. */
export function keyIdOf(sha256: Sha256, name: string, publicKey: Uint8Array): Uint8Array {
  const start = utf8.encode(`${name}\n`);
  return sha256(start, Uint8Array.of(ed25519Type), publicKey).subarray(0, 4);
}

/**
 * A verifier key: name, id in hexadecimal, and type and key in base64, joined by `+`.
 * Example: `example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k`
 */
export function formatVerifierKey({ name, keyId, publicKey }: VerifierKey): string {
  const id = Array.from(keyId, (byte) => byte.toString(16).padStart(2, "0")).join("");
  return `${name}+${id}+${base64(Uint8Array.of(ed25519Type, ...publicKey))}`;
}

/** @throws NoteError for anything but an Ed25519 verifier key whose id is its own. */
export function parseVerifierKey(sha256: Sha256, text: string): VerifierKey {
  const [, name, id, encoded] = /^([^+]+)\+([0-9a-f]{8})\+([A-Za-z0-9+/=]+)$/.exec(text) ?? [];
  if (name === undefined || id === undefined || encoded === undefined || !isKeyName(name)) {
    throw new NoteError("the verifier key is not name+id+key");
  }
  const key = fromBase64(encoded);
  if (key?.length !== 33 || key[0] !== ed25519Type) {
    throw new NoteError("the verifier key is not an Ed25519 key");
  }
  const publicKey = key.subarray(1);
  const keyId = keyIdOf(sha256, name, publicKey);
  const stated = Uint8Array.from([0, 2, 4, 6], (at) => Number.parseInt(id.slice(at, at + 2), 16));
  if (!equalBytes(stated, keyId)) throw new NoteError("the verifier key's id is not its own");
  return { name, keyId, publicKey };
}
