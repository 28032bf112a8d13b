/** Paths of keys as text: `headers.authorization`. A `\` before a dot, a star or a `\` makes it part of the key. */

/** The key as a segment of a path. */
export function escapeKey(key: string): string {
  return key.replace(/[\\.*]/g, "\\$&");
}

/** A segment of a pattern: a key, one level (`*`), or any number of levels (`**`). */
export type Segment = { readonly key: string } | "*" | "**";

const separator = /(?<=(?<!\\)(?:\\\\)*)\./;
/** More levels than metadata may have. */
const maxSegments = 64;

/** The keys along a path. */
export function splitPath(path: string): string[] {
  return path.split(separator, maxSegments).map(unescapeKey);
}

function unescapeKey(segment: string): string {
  return segment.replace(/\\([\\.*])/g, "$1");
}

/**
 * The segments of a pattern.
 *
 * @throws TypeError if one is empty, or there are more than 64.
 */
export function parsePattern(pattern: string): Segment[] {
  const segments = pattern.split(separator);
  if (segments.includes("")) throw new TypeError(`"${pattern}" is no path: a part of it is empty`);
  if (segments.length > maxSegments) throw new TypeError(`"${pattern}" has too many levels`);
  return segments.map((text) =>
    text === "*" || text === "**" ? text : { key: unescapeKey(text) },
  );
}
