/** Text of requests, which anyone may have written, made fit to be recorded. */

const control = /\p{Cc}/gu;
const encoder = new TextEncoder();

/**
 * The text without space around it, control characters as spaces, lone surrogates as U+FFFD, cut to so
 * many bytes of UTF-8 between two characters; undefined if it is no text or nothing is left of it.
 */
export function fittingText(value: unknown, maxBytes: number): string | undefined {
  if (typeof value !== "string") return undefined;
  // It may be long, and at most half of this fits.
  const text = value
    .slice(0, 2 * maxBytes)
    .toWellFormed()
    .replace(control, " ")
    .trim();
  // No code unit makes more than three bytes.
  if (text.length * 3 <= maxBytes) return text === "" ? undefined : text;
  const { read } = encoder.encodeInto(text, new Uint8Array(maxBytes));
  return text.slice(0, read).trimEnd();
}
