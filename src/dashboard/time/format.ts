/** Times as people read them. */
import type { Zone } from "./zone.tsx";

const parts = {
  year: "numeric",
  month: "2-digit",
  day: "2-digit",
  hour: "2-digit",
  minute: "2-digit",
  second: "2-digit",
  fractionalSecondDigits: 3,
  hourCycle: "h23",
} as const;

const formats: Record<Zone, Intl.DateTimeFormat> = {
  local: new Intl.DateTimeFormat("en-GB", parts),
  UTC: new Intl.DateTimeFormat("en-GB", { ...parts, timeZone: "UTC" }),
};

/** Date, time and milliseconds. Example: `2026-11-22 07:31:05.123` */
export function absoluteTime(ms: number, zone: Zone): string {
  const found = Object.fromEntries(
    formats[zone].formatToParts(ms).map(({ type, value }) => [type, value]),
  );
  const { year, month, day, hour, minute, second, fractionalSecond } = found;
  return `${year}-${month}-${day} ${hour}:${minute}:${second}.${fractionalSecond}`;
}

const relative = new Intl.RelativeTimeFormat("en", { numeric: "always", style: "narrow" });
const steps = [
  ["day", 86_400_000],
  ["hour", 3_600_000],
  ["minute", 60_000],
  ["second", 1_000],
] as const;

/** How long ago, or how long until. Examples: `3min ago`, `now` */
export function relativeTime(ms: number, nowMs: number): string {
  const distance = ms - nowMs;
  for (const [unit, length] of steps) {
    if (Math.abs(distance) >= length) return relative.format(Math.trunc(distance / length), unit);
  }
  return "now";
}

/** The zone's name as it is shown beside times. Examples: `UTC`, `Europe/Vienna` */
export function zoneName(zone: Zone): string {
  return zone === "UTC" ? "UTC" : new Intl.DateTimeFormat().resolvedOptions().timeZone;
}
