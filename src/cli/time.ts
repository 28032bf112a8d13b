/** Times and spans of time as one types them. */
import { InvalidArgumentError } from "commander";
import { parseInstant } from "../client/instant.ts";

const unitMs: Readonly<Record<string, number>> = {
  s: 1_000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
  w: 604_800_000,
};

/** A span in milliseconds from text like `90s`, `15m`, `24h`, `7d`, `2w`; an option's parser. */
export function parseSpan(text: string): number {
  const match = /^(\d{1,6})([smhdw])$/.exec(text);
  const ms = Number(match?.[1]) * (unitMs[match?.[2] ?? ""] ?? Number.NaN);
  if (Number.isNaN(ms)) throw new InvalidArgumentError("It must be a span like 15m, 24h or 7d.");
  return ms;
}

/** A time in milliseconds from RFC 3339 or a span ago (`15m`); an option's parser. */
export function parseTime(text: string): number {
  if (/^\d+[a-z]$/.test(text)) return Date.now() - parseSpan(text);
  const ms = parseInstant(text);
  if (ms === undefined) {
    throw new InvalidArgumentError(
      "It must be an RFC 3339 time like 2026-03-01T12:00:00Z, or a span ago like 15m, 24h or 7d.",
    );
  }
  return ms;
}

/** A time on the clock of this machine. Example: `2026-03-01 13:00:00` */
export function localTime(ms: number): string {
  const date = new Date(ms);
  const two = (value: number) => String(value).padStart(2, "0");
  const day = [date.getFullYear(), two(date.getMonth() + 1), two(date.getDate())].join("-");
  const time = [date.getHours(), date.getMinutes(), date.getSeconds()].map(two).join(":");
  return `${day} ${time}`;
}
