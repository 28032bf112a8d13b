/**
 * Which keys may sign this server's logs. Until a person gives one that they have by another way,
 * the one that the server itself named first.
 */

import { isSoundPoint } from "../../client/ed25519.ts";
import { NoteError, parseVerifierKey, type VerifierKey } from "../../log/note.ts";
import { hex } from "./hex.ts";
import type { KeptText } from "./page-storage.ts";
import { sha256 } from "./sha256.ts";

/** What is trusted, and why. */
export interface KeyTrust {
  /** The key that the server named first, and when. */
  readonly firstSeen: { readonly key: string; readonly atMs: number } | undefined;
  /** Keys that the reader was given by another way. As soon as there is one, only these count. */
  readonly given: readonly string[];
}

/** Nothing is known yet. */
export const noTrust: KeyTrust = { firstSeen: undefined, given: [] };

/** The keys that a checkpoint has to be signed with; none at first sight. */
export function trustedKeys({ firstSeen, given }: KeyTrust): readonly string[] {
  if (given.length > 0) return given;
  return firstSeen === undefined ? [] : [firstSeen.key];
}

/**
 * Trust after a reader has given a key. If the server has gone over to just this key, what was
 * trusted stays beside it: checkpoints that were remembered are signed with that.
 */
export function withGivenKey(
  trust: KeyTrust,
  key: string,
  serverKey: string | undefined,
): KeyTrust {
  const known = trustedKeys(trust);
  const isRotation = key === serverKey && !known.includes(key);
  return { ...trust, given: [...new Set([...(isRotation ? known : trust.given), key])] };
}

/** What is wrong with a verifier key, for the person who pasted it; undefined if nothing is. */
export function keyMistake(text: string): string | undefined {
  try {
    if (isSoundPoint(parseVerifierKey(sha256, text).publicKey)) return undefined;
    return "This is not a sound key.";
  } catch (error) {
    if (!(error instanceof NoteError)) throw error;
    return "This is not a verifier key. It looks like name+1a2b3c4d+AbCd…, on one line.";
  }
}

/** A verifier key as a person tells it from others. Example: `audit.example.com+4ffeabe4` */
export function keyLabel({ name, keyId }: Pick<VerifierKey, "name" | "keyId">): string {
  return `${name}+${hex(keyId)}`;
}

/** The same of a key's text; the text itself if it is none. */
export function keyTextLabel(key: string): string {
  try {
    return keyLabel(parseVerifierKey(sha256, key));
  } catch (error) {
    if (!(error instanceof NoteError)) throw error;
    return key;
  }
}

const place = "annals/verifier-keys";

/** What this browser trusts. */
export function readTrust(storage: Pick<KeptText, "getItem">): KeyTrust {
  try {
    return parseTrust(JSON.parse(storage.getItem(place) ?? "null"));
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    return noTrust;
  }
}

/** Keeps it. Throws what the browser throws if it refuses. */
export function keepTrust(storage: Pick<KeptText, "setItem">, trust: KeyTrust): void {
  storage.setItem(place, JSON.stringify(trust));
}

function parseTrust(json: unknown): KeyTrust {
  if (typeof json !== "object" || json === null) return noTrust;
  const { firstSeen, given } = json as Record<string, unknown>;
  const first = (firstSeen ?? {}) as Record<string, unknown>;
  const isFirst = typeof first.key === "string" && typeof first.atMs === "number";
  return {
    firstSeen: isFirst ? { key: String(first.key), atMs: Number(first.atMs) } : undefined,
    given: Array.isArray(given) ? given.filter((key) => typeof key === "string") : [],
  };
}
