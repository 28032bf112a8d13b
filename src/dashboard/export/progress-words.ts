/** Counts and sizes as people read them. */

/** Example: `12,345 entries` */
export function countInWords(entries: number): string {
  return entries === 1 ? "1 entry" : `${entries.toLocaleString("en")} entries`;
}

const units = ["B", "kB", "MB", "GB"] as const;

/** Decimal units. Examples: `0 B`, `12.3 kB`, `1.2 GB` */
export function bytesInWords(bytes: number): string {
  let size = bytes;
  let unit = 0;
  while (size >= 999.95 && unit < units.length - 1) {
    size /= 1000;
    unit += 1;
  }
  return `${unit === 0 ? size : size.toFixed(1)} ${units[unit]}`;
}
