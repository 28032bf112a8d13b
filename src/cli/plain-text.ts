/** Text that others chose, made fit for a terminal: it shows, and is never obeyed. */

import { escapeUnsafe } from "../client/plain-json.ts";

/** The text on one line, with unsafe characters as `\u001b`. */
export function plainText(text: string): string {
  return escapeUnsafe(text.toWellFormed());
}

const graphemes = new Intl.Segmenter(undefined, { granularity: "grapheme" });
const wide =
  /^(?:\p{Emoji_Presentation}|[\u1100-\u115f\u2e80-\u303e\u3041-\ua4cf\ua960-\ua97f\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff01-\uff60\uffe0-\uffe6]|[\u{1f300}-\u{1faff}\u{20000}-\u{3fffd}])/u;

/** How many columns a terminal gives to the text. */
export function textWidth(text: string): number {
  let width = 0;
  for (const { segment } of graphemes.segment(text)) width += segmentWidth(segment);
  return width;
}

/** The text cut to `width` columns with an ellipsis, or padded to it. */
export function fitText(text: string, width: number): string {
  const missing = width - textWidth(text);
  if (missing >= 0) return text + " ".repeat(missing);
  let cut = "";
  let used = 0;
  for (const { segment } of graphemes.segment(text)) {
    if (used + segmentWidth(segment) > width - 1) break;
    cut += segment;
    used += segmentWidth(segment);
  }
  return `${cut}…${" ".repeat(Math.max(0, width - used - 1))}`;
}

function segmentWidth(segment: string): number {
  if (/^\p{Mark}/u.test(segment)) return 0;
  return wide.test(segment) ? 2 : 1;
}
