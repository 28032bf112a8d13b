/** Ids for where there is little room. */

const longest = 20;
const headLength = 11;
const tailLength = 6;

/**
 * An id shortened in its middle: its kind and both ends stay, by which people tell ids apart. Short ones
 * stay whole. Example: `usr-7f0c9f6…1a2b3c`
 */
export function shortId(id: string): string {
  const letters = Array.from(id);
  if (letters.length <= longest) return id;
  return `${letters.slice(0, headLength).join("")}…${letters.slice(-tailLength).join("")}`;
}
