/** Bytes in hexadecimal. Example: `00ff` */
export function hex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** The first bytes of a hash, to tell it from others on the screen. Example: `8172e4bd…` */
export function shortHex(bytes: Uint8Array): string {
  return `${hex(bytes.subarray(0, 4))}…`;
}
