import type { Entry, Json } from "./entry.ts";

/**
 * Entries that say whose details were erased: how they are told from others, and how they name
 * sequences. Whoever reads a log needs both, to know what was erased from what was tampered with.
 */

/** The action of an entry that records an erasure; its recorder is `annals`. */
export const erasureAction = "erase_details";

/** Positions of one log, both ends included. */
export interface SequenceRange {
  readonly from: bigint;
  readonly to: bigint;
}

const maxSequence = 2n ** 63n - 1n;
/** More do not fit an entry's metadata, of which each takes five bytes or more. */
const mostRanges = 8_192;

/** Ascending ranges as text, whatever the order given. Example: `["3", "7-9"]` */
export function encodeSequences(sequences: readonly bigint[]): string[] {
  const ranges: { from: bigint; to: bigint }[] = [];
  for (const sequence of sequences.toSorted((a, b) => (a < b ? -1 : a > b ? 1 : 0))) {
    const last = ranges.at(-1);
    if (last === undefined || sequence > last.to + 1n)
      ranges.push({ from: sequence, to: sequence });
    else last.to = sequence;
  }
  return ranges.map(({ from, to }) => (from === to ? String(from) : `${from}-${to}`));
}

/**
 * The ranges in a text of {@link encodeSequences}; undefined if it is anything else, an unusual
 * spelling of the same ranges included. A range can be long: do not count it out.
 */
export function decodeSequences(json: Json | undefined): readonly SequenceRange[] | undefined {
  if (!Array.isArray(json) || json.length === 0 || json.length > mostRanges) return undefined;
  const ranges: SequenceRange[] = [];
  let next = 1n;
  for (const text of json as readonly Json[]) {
    const match = typeof text === "string" ? rangePattern.exec(text) : null;
    if (match === null) return undefined;
    const from = BigInt(match[1] ?? "");
    const to = BigInt(match[2] ?? from);
    const proper = match[2] === undefined || to > from;
    if (!proper || from < next || to > maxSequence) return undefined;
    ranges.push({ from, to });
    // Neighbours are one range.
    next = to + 2n;
  }
  return ranges;
}

const rangePattern = /^([1-9]\d{0,18})(?:-([1-9]\d{0,18}))?$/;

/** Whether an entry records an erasure. Only Annals itself records such entries. */
export function isErasure(entry: Pick<Entry, "recorder" | "action">): boolean {
  return entry.recorder.type === "annals" && entry.action === erasureAction;
}

/**
 * The positions whose details an entry says were erased, all before its own; undefined if it
 * records no erasure, or does not say so properly.
 */
export function erasedBy(
  entry: Pick<Entry, "recorder" | "action" | "details" | "sequence">,
): readonly SequenceRange[] | undefined {
  if (!isErasure(entry)) return undefined;
  const ranges = decodeSequences(entry.details.metadata?.sequences);
  const last = ranges?.at(-1);
  return last !== undefined && last.to < entry.sequence ? ranges : undefined;
}
