/** Ids that a client chooses for its entries. */
import type { EntryIdText } from "./new-entry.ts";

/** Random bytes for 256 ids at a time: asking for each alone takes longer than all the rest. */
const pool = new Uint8Array(256 * 10);
let used = pool.length;

const hex = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, "0"));

/**
 * A new entry's id: `log-` and a UUIDv7 (RFC 9562, section 5.7) of the clock and 74 random bits.
 * Example: `log-0190a7c4-8d2e-7c3a-9f10-2b6f0e4d5a61`
 */
export function newEntryId(): EntryIdText {
  if (used === pool.length) {
    crypto.getRandomValues(pool);
    used = 0;
  }
  const at = used;
  used += 10;
  // 48 bits, whatever the clock says: an id that is none would lose its entry.
  const millis = Math.min(Math.max(Math.trunc(Date.now()), 0), 2 ** 48 - 1);
  const time = millis.toString(16).padStart(12, "0");
  const byte = (i: number) => pool[at + i] as number;
  const text = (i: number) => hex[byte(i)] as string;
  const version = hex[0x70 | (byte(0) & 0x0f)] as string;
  const variant = hex[0x80 | (byte(2) & 0x3f)] as string;
  const tail = text(4) + text(5) + text(6) + text(7) + text(8) + text(9);
  return `log-${time.slice(0, 8)}-${time.slice(8)}-${version}${text(1)}-${variant}${text(3)}-${tail}`;
}
