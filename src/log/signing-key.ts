import {
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
  sign,
} from "node:crypto";
import { base64, fromBase64 } from "./base64.ts";
import {
  ed25519Type,
  formatNote,
  isKeyName,
  keyIdOf,
  NoteError,
  type VerifierKey,
} from "./note.ts";
import { equalBytes } from "./proof.ts";
import { sha256 } from "./sha256.ts";

/** An Ed25519 private key with its name, and what verifies its signatures. */
export interface SigningKey {
  readonly verifier: VerifierKey;
  readonly privateKey: KeyObject;
}

const prefix = "PRIVATE+KEY+";
/** What stands before the 32-byte seed in the PKCS #8 form of an Ed25519 key (RFC 8410). */
const pkcs8Start = Buffer.from("302e020100300506032b657004220420", "hex");

/**
 * Makes a key.
 *
 * @throws NoteError if the name is empty or has white space or a `+` in it.
 */
export function makeSigningKey(name: string): SigningKey {
  return withName(name, generateKeyPairSync("ed25519").privateKey);
}

/**
 * The key as a line of text, in the form of Go's signed notes: `PRIVATE+KEY+`, name, id in
 * hexadecimal, and type and seed in base64, joined by `+`. Secret.
 */
export function formatSigningKey({ verifier, privateKey }: SigningKey): string {
  const seed = privateKey.export({ format: "der", type: "pkcs8" }).subarray(pkcs8Start.length);
  const id = Buffer.from(verifier.keyId).toString("hex");
  return `${prefix}${verifier.name}+${id}+${base64(Uint8Array.of(ed25519Type, ...seed))}`;
}

/** @throws NoteError, which never repeats any of the text. */
export function parseSigningKey(text: string): SigningKey {
  const [, name, id, encoded] =
    /^PRIVATE\+KEY\+([^+]+)\+([0-9a-f]{8})\+([A-Za-z0-9+/=]+)$/.exec(text) ?? [];
  if (name === undefined || id === undefined || encoded === undefined) {
    throw new NoteError("the signing key is not PRIVATE+KEY+name+id+key");
  }
  const seed = fromBase64(encoded);
  if (seed?.length !== 33 || seed[0] !== ed25519Type) {
    throw new NoteError("the signing key is not an Ed25519 key");
  }
  const der = Buffer.concat([pkcs8Start, seed.subarray(1)]);
  const key = withName(name, createPrivateKey({ key: der, format: "der", type: "pkcs8" }));
  if (!equalBytes(Buffer.from(id, "hex"), key.verifier.keyId)) {
    throw new NoteError("the signing key's id is not its own");
  }
  return key;
}

function withName(name: string, privateKey: KeyObject): SigningKey {
  if (!isKeyName(name)) {
    throw new NoteError("a key's name must not be empty or have white space or + in it");
  }
  const spki = createPublicKey(privateKey).export({ format: "der", type: "spki" });
  const publicKey = new Uint8Array(spki.subarray(-32));
  const keyId = keyIdOf(sha256, name, publicKey);
  return { verifier: { name, keyId, publicKey }, privateKey };
}

/** The signed note of a text that ends in a line end. */
export function signNote({ verifier, privateKey }: SigningKey, text: string): string {
  const signature = sign(null, Buffer.from(text), privateKey);
  return formatNote({
    text,
    signatures: [{ keyName: verifier.name, keyId: verifier.keyId, signature }],
  });
}
