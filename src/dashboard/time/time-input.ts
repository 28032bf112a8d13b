/** Times in an `<input type="datetime-local">`: a date and a time of the chosen zone, without saying it. */
import { absoluteTime } from "./format.ts";
import type { Zone } from "./zone.tsx";

/** What the input shows for a time in milliseconds since 1970. Example: `2026-11-22T07:31:05` */
export function timeInputValue(ms: number, zone: Zone): string {
  return absoluteTime(ms, zone).slice(0, 19).replace(" ", "T");
}

/** The time that the input's value means, in milliseconds since 1970; undefined if it is none. */
export function parseTimeInput(value: string, zone: Zone): number | undefined {
  // By the language's rules a date with a time and without a zone is of the reader's.
  const ms = Date.parse(zone === "UTC" ? `${value}Z` : value);
  return Number.isNaN(ms) ? undefined : ms;
}
