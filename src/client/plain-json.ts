/** JSON that is safe to show on a terminal: it shows, and is never obeyed. */

/**
 * Control characters (C0, DEL, C1: they begin escape sequences), what reverses or hides text
 * (bidirectional controls, zero-width spaces) and what breaks lines.
 */
const unsafe =
  /[\p{Cc}\u00ad\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u2069\ufeff\ufff9-\ufffb]/gu;

/** The text with unsafe characters as `\u001b`, except for those in `kept`. */
export function escapeUnsafe(text: string, kept = ""): string {
  return text.replace(unsafe, (char) =>
    kept.includes(char) ? char : `\\u${char.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}

/** JSON on one line (or indented), equal in meaning to what JSON.stringify writes. */
export function plainJson(value: unknown, indent?: number): string {
  const json = JSON.stringify(value, undefined, indent);
  return escapeUnsafe(json, indent === undefined ? "" : "\n");
}
