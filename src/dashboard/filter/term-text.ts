/** Conditions in words. */
import { absoluteTime } from "../time/format.ts";
import type { Zone } from "../time/zone.tsx";
import { isTimeField, queryFields } from "./query-fields.ts";
import { parseQueryTime, spanMs } from "./query-time.ts";
import type { Term } from "./term.ts";

/** A condition's field, in words. Examples: `Action`, `Not status` */
export function termLabel({ field, isExcluded }: Term): string {
  const { label } = queryFields[field];
  return isExcluded ? `Not ${label.toLowerCase()}` : label;
}

/** A condition's values, in words. Examples: `create or destroy`, `24h ago`, `2026-11-20 14:30` */
export function termValues({ field, values }: Term, nowMs: number, zone: Zone): string {
  if (!isTimeField(field)) return values.join(" or ");
  return values.map((value) => timeWords(value, nowMs, zone)).join(", ");
}

/** The range of record time, in words; undefined if it is open on both sides. */
export function rangeWords(terms: readonly Term[], nowMs: number, zone: Zone): string | undefined {
  const bound = (field: "since" | "until") =>
    terms.find((term) => term.field === field && !term.isExcluded)?.values[0];
  const since = bound("since");
  const until = bound("until");
  if (since === undefined && until === undefined) return undefined;
  if (until === undefined && since !== undefined) {
    if (spanMs(since) !== undefined) return `Last ${spanWords(since)}`;
    return `Since ${timeWords(since, nowMs, zone)}`;
  }
  const to = timeWords(until ?? "", nowMs, zone);
  if (since === undefined) return `Until ${to}`;
  if (since === "yesterday" && until === "today") return "Yesterday";
  return `${timeWords(since, nowMs, zone)} – ${to}`;
}

/** A moment, no longer than it must be. Example: `2026-11-20 14:30` */
export function shortTime(ms: number, zone: Zone): string {
  return absoluteTime(ms, zone)
    .replace(/\.000$/, "")
    .replace(/( \d{2}:\d{2}):00$/, "$1");
}

const unitWords: Readonly<Record<string, string>> = {
  s: "second",
  m: "minute",
  min: "minute",
  h: "hour",
  d: "day",
  w: "week",
};

/** A span in words. Example: `24 hours` */
export function spanWords(span: string): string {
  const [, count, unit = ""] = /^0*(\d+)([a-z]+)$/.exec(span) ?? [];
  const word = unitWords[unit];
  if (word === undefined) return span;
  return count === "1" ? word : `${count} ${word}s`;
}

function timeWords(value: string, nowMs: number, zone: Zone): string {
  if (spanMs(value) !== undefined) return `${value} ago`;
  if (value === "today" || value === "yesterday") return value;
  const ms = parseQueryTime(value, nowMs, zone);
  return ms === undefined ? value : shortTime(ms, zone);
}
