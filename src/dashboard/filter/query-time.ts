/** Times in a query line. */
import { parseInstant } from "../../client/instant.ts";
import type { Zone } from "../time/zone.tsx";

const unitMs: Readonly<Record<string, number>> = {
  s: 1_000,
  m: 60_000,
  min: 60_000,
  h: 3_600_000,
  d: 86_400_000,
  w: 604_800_000,
};

const earliestMs = Date.parse("0001-01-01T00:00:00Z");
const latestMs = Date.parse("9999-12-31T23:59:59.999Z");
const dateTime =
  /^(\d{4}-\d{2}-\d{2})(?:[Tt](\d{2}:\d{2})(?::(\d{2})(?:\.(\d{1,9}))?)?([Zz]|[+-]\d{2}:\d{2})?)?$/;

/**
 * The milliseconds since 1970 of a time as one types it; undefined if it is none, or outside of the
 * years 0001 to 9999.
 *
 * - `15min`, `24h`, `7d` (also `s`, `m`, `w`): so long before `nowMs`;
 * - `today`, `yesterday`: midnight in the zone;
 * - `2026-11-20`: midnight in the zone; `2026-11-20T14:30` (with seconds and fractions if wished): in
 *   the zone, unless it ends in `Z` or an offset like `+01:00`.
 */
export function parseQueryTime(text: string, nowMs: number, zone: Zone): number | undefined {
  const ms = spanStart(text, nowMs) ?? dayStart(text, nowMs, zone) ?? instant(text, zone);
  return ms !== undefined && ms >= earliestMs && ms <= latestMs ? ms : undefined;
}

/** How long ago, for `24h` and the like: milliseconds. */
export function spanMs(text: string): number | undefined {
  const [, count, unit = ""] = /^(\d{1,6})(s|min|m|h|d|w)$/.exec(text) ?? [];
  const length = unitMs[unit];
  return length === undefined ? undefined : Number(count) * length;
}

function spanStart(text: string, nowMs: number): number | undefined {
  const span = spanMs(text);
  return span === undefined ? undefined : nowMs - span;
}

function dayStart(text: string, nowMs: number, zone: Zone): number | undefined {
  if (text !== "today" && text !== "yesterday") return undefined;
  const days = text === "today" ? 0 : -1;
  return midnight(nowMs, zone, days);
}

/** The midnight before a time in a zone, or the one so many days from that. */
export function midnight(ms: number, zone: Zone, days = 0): number {
  const date = new Date(ms);
  if (zone === "UTC") {
    date.setUTCHours(0, 0, 0, 0);
    date.setUTCDate(date.getUTCDate() + days);
  } else {
    date.setHours(0, 0, 0, 0);
    date.setDate(date.getDate() + days);
  }
  return date.getTime();
}

function instant(text: string, zone: Zone): number | undefined {
  const match = dateTime.exec(text);
  if (!match) return undefined;
  const [, day, minute = "00:00", second = "00", fraction = "0", offset] = match;
  const local = `${day}T${minute}:${second}.${fraction.padEnd(3, "0").slice(0, 3)}`;
  // Also refuses days that there are not, which Date would roll over.
  const asUtc = parseInstant(`${local}${offset ?? "Z"}`);
  if (asUtc === undefined || offset !== undefined || zone === "UTC") return asUtc;
  return new Date(local).getTime();
}

/** Whether a time means another moment in another zone. */
export function dependsOnZone(text: string): boolean {
  const match = dateTime.exec(text);
  return match !== null && match[5] === undefined;
}

/**
 * A moment written so that it means the same to everybody, as short as it can be.
 * Examples: `2026-11-20T14:30+01:00`, `2026-11-20T13:30:05.250Z`
 */
export function formatQueryTime(ms: number, zone: Zone): string {
  const utc = `${shortened(new Date(ms).toISOString().slice(0, -1))}Z`;
  const offset = zone === "UTC" ? 0 : -new Date(ms).getTimezoneOffset();
  if (offset === 0) return utc;
  const two = (value: number) => String(value).padStart(2, "0");
  const local = new Date(ms + offset * 60_000).toISOString().slice(0, -1);
  const size = Math.abs(offset);
  const written = `${shortened(local)}${offset < 0 ? "-" : "+"}${two(Math.floor(size / 60))}:${two(size % 60)}`;
  // Before there were time zones an offset was not of whole minutes.
  return instant(written, "UTC") === ms ? written : utc;
}

function shortened(local: string): string {
  return local.replace(/\.000$/, "").replace(/^(.*T\d{2}:\d{2}):00$/, "$1");
}
