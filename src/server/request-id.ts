import { randomFillSync } from "node:crypto";

/** Where a call's request id comes and is answered. */
export const requestIdHeader = "x-request-id";

/** The caller's own if it is printable ASCII, of 256 characters at most, else a new UUID. */
export function requestIdOf(given: string | undefined): string {
  return given !== undefined && /^[\x20-\x7e]{1,256}$/.test(given) ? given : newUuid();
}

const digits = Buffer.from("0123456789abcdef");
/** Where in a UUID's text its 16 bytes are. */
const places = [0, 2, 4, 6, 9, 11, 14, 16, 19, 21, 24, 26, 28, 30, 32, 34];
const text = Buffer.alloc(36, "-");
const random = Buffer.alloc(256 * places.length);
let used = random.length;

/**
 * A random UUID (version 4). Node's own is put together from 20 strings and keeps them, 400 bytes, until it
 * is read as one; each call has one, and most are not.
 */
function newUuid(): string {
  if (used === random.length) {
    randomFillSync(random);
    used = 0;
  }
  random.writeUInt8((random.readUInt8(used + 6) & 0x0f) | 0x40, used + 6);
  random.writeUInt8((random.readUInt8(used + 8) & 0x3f) | 0x80, used + 8);
  for (const place of places) {
    const byte = random.readUInt8(used++);
    text[place] = digits.readUInt8(byte >> 4);
    text[place + 1] = digits.readUInt8(byte & 0x0f);
  }
  return text.toString("latin1");
}
