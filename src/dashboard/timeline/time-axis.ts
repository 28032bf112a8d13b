/** Times along the axis of a timeline, and stretches of time in words. */
import type { Zone } from "../time/zone.tsx";

const minuteMs = 60_000;
const dayMs = 86_400_000;

type Style = "second" | "minute" | "day" | "month" | "year";

const options = {
  second: { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" },
  minute: { hour: "2-digit", minute: "2-digit", hourCycle: "h23" },
  day: { day: "numeric", month: "short" },
  month: { month: "short", year: "numeric" },
  year: { year: "numeric" },
} as const satisfies Record<Style, Intl.DateTimeFormatOptions>;

const formats = new Map<string, Intl.DateTimeFormat>();

function format(ms: number, style: Style, zone: Zone): string {
  const key = `${style} ${zone}`;
  let found = formats.get(key);
  if (found === undefined) {
    const timeZone = zone === "UTC" ? { timeZone: "UTC" } : {};
    found = new Intl.DateTimeFormat("en-GB", { ...options[style], ...timeZone });
    formats.set(key, found);
  }
  return found.format(ms);
}

/**
 * What stands at the ticks of an axis, which are so far apart: the time of day, and the date where a
 * day begins. Milliseconds since 1970.
 */
export function tickWords(ticksMs: readonly number[], stepMs: number, zone: Zone): string[] {
  if (stepMs >= 360 * dayMs) return ticksMs.map((ms) => format(ms, "year", zone));
  if (stepMs >= 28 * dayMs) return ticksMs.map((ms) => format(ms, "month", zone));
  if (stepMs >= dayMs) return ticksMs.map((ms) => format(ms, "day", zone));
  return ticksMs.map((ms) => {
    if (format(ms, "second", zone) === "00:00:00") return format(ms, "day", zone);
    return format(ms, stepMs < minuteMs ? "second" : "minute", zone);
  });
}

/**
 * A stretch of time. Examples: `22 Nov 2026, 14:30 – 14:35`, `21 Nov 2026, 23:00 – 22 Nov 2026, 00:00`,
 * `22 Nov 2026` for a whole day
 */
export function stretchWords(fromMs: number, toMs: number, zone: Zone): string {
  const isMidnight = (ms: number) => format(ms, "second", zone) === "00:00:00";
  if (isMidnight(fromMs) && isMidnight(toMs)) {
    const last = date(toMs - 1, zone);
    const first = date(fromMs, zone);
    return first === last ? first : `${first} – ${last}`;
  }
  const style = fromMs % minuteMs === 0 && toMs % minuteMs === 0 ? "minute" : "second";
  const end = format(toMs, style, zone);
  const isSameDay = date(fromMs, zone) === date(toMs, zone);
  return `${date(fromMs, zone)}, ${format(fromMs, style, zone)} – ${isSameDay ? end : `${date(toMs, zone)}, ${end}`}`;
}

function date(ms: number, zone: Zone): string {
  return `${format(ms, "day", zone)} ${format(ms, "year", zone)}`;
}
