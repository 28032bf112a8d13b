/** Base64 by RFC 4648, section 4, strictly: one text for one value, as signed formats need it. */
import { base64Decode, base64Encode } from "@bufbuild/protobuf/wire";

/** The bytes as padded standard base64. */
export function base64(bytes: Uint8Array): string {
  return base64Encode(bytes);
}

/** The bytes of padded standard base64; undefined for anything else, unused bits set included. */
export function fromBase64(text: string): Uint8Array<ArrayBuffer> | undefined {
  try {
    const bytes = base64Decode(text);
    return base64Encode(bytes) === text ? bytes : undefined;
  } catch {
    return undefined;
  }
}

/** The bytes as base64url without padding. */
export function base64url(bytes: Uint8Array): string {
  return base64Encode(bytes, "url");
}
