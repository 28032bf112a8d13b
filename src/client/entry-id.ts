/** Ids that a client chooses for its entries. */
import type { EntryIdText } from "./new-entry.ts";

/** Random bytes for 256 ids at a time: asking for each alone takes longer than all the rest. */
const pool = new Uint8Array(256 * 16);
let used = pool.length;

const pattern = "log-00000000-0000-0000-0000-000000000000";
/** The characters of an id, of which the digits are written over: made at once, it is one flat text. */
const codes = Array.from(pattern, (character) => character.charCodeAt(0));
/** Where the two digits of each byte are. */
const places = Array.from(pattern.matchAll(/00/g), ({ index }) => index);

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
  used += places.length;
  // 48 bits, whatever the clock says: an id that is none would lose its entry.
  let time = Math.min(Math.max(Math.trunc(Date.now()), 0), 2 ** 48 - 1);
  for (let i = 5; i >= 0; i--) {
    pool[at + i] = time % 0x100;
    time = Math.floor(time / 0x100);
  }
  pool[at + 6] = 0x70 | ((pool[at + 6] as number) & 0x0f);
  pool[at + 8] = 0x80 | ((pool[at + 8] as number) & 0x3f);
  for (let i = 0; i < places.length; i++) {
    const byte = pool[at + i] as number;
    const place = places[i] as number;
    codes[place] = digit(byte >> 4);
    codes[place + 1] = digit(byte & 0x0f);
  }
  return String.fromCharCode.apply(undefined, codes) as EntryIdText;
}

function digit(value: number): number {
  return value + (value < 10 ? 0x30 : 0x57);
}
