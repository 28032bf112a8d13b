import { hashes, Point, verify } from "@noble/ed25519";
import { sha512 } from "@noble/hashes/sha2.js";

hashes.sha512 = sha512;

/**
 * Whether bytes encode, canonically, a point of Ed25519's prime-order subgroup other than its
 * identity, as honest keys and the first half of honest signatures do. For others RFC 8032 lets
 * implementations differ; where they are refused, all agree.
 */
export function isSoundPoint(bytes: Uint8Array): boolean {
  try {
    const point = Point.fromBytes(bytes);
    return !point.is0() && point.isTorsionFree();
  } catch {
    return false;
  }
}

/** Verifies an Ed25519 signature by a sound key: with WebCrypto, or else @noble/ed25519. */
export async function verifyEd25519(
  publicKey: Uint8Array,
  signature: Uint8Array,
  message: Uint8Array<ArrayBuffer>,
): Promise<boolean> {
  if (signature.length !== 64 || !isSoundPoint(signature.subarray(0, 32))) return false;
  const raw = new Uint8Array(publicKey);
  // Where WebCrypto is missing or lacks Ed25519, engines refuse in different ways.
  const load = async () => crypto.subtle.importKey("raw", raw, "Ed25519", false, ["verify"]);
  const key = await load().catch(() => undefined);
  if (key === undefined) return verify(signature, message, publicKey, { zip215: false });
  return crypto.subtle.verify("Ed25519", key, new Uint8Array(signature), message);
}
