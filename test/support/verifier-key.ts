/** What stands before the 32 bytes of an Ed25519 public key in its SubjectPublicKeyInfo (RFC 8410). */
const spkiStart = Buffer.from("302a300506032b6570032100", "hex");

/**
 * Takes a verifier key apart by the words of C2SP signed-note and with none of our code, for others'
 * programs: its name, its id, and the public key in DER.
 */
export function partsOf(vkey: string): { name: string; id: Buffer; der: Buffer } {
  const [name = "", id = "", ...rest] = vkey.split("+");
  // The base64 after the second plus may have more of them; its first byte is the type.
  const publicKey = Buffer.from(rest.join("+"), "base64").subarray(1);
  return { name, id: Buffer.from(id, "hex"), der: Buffer.concat([spkiStart, publicKey]) };
}
