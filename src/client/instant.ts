/** RFC 3339 times in whole milliseconds. */

const rfc3339 =
  /^(\d{4})-(\d{2})-(\d{2})[Tt](\d{2}):(\d{2}):(\d{2})(?:\.(\d{1,9}))?([Zz]|[+-]\d{2}:\d{2})$/;

/**
 * The milliseconds since 1970 of an RFC 3339 time, finer parts cut off; undefined if the text is
 * not one. A day that its month does not have is refused. Leap seconds are not known.
 * Example: `2026-03-01T12:00:00.123Z`
 */
export function parseInstant(text: string): number | undefined {
  const match = rfc3339.exec(text);
  if (!match) return undefined;
  const [, year, month, day, hour, minute, second, fraction = "", zone = ""] = match;
  const local = `${year}-${month}-${day}T${hour}:${minute}:${second}.${fraction.padEnd(3, "0").slice(0, 3)}`;
  const asUtc = new Date(`${local}Z`);
  // Date.parse rolls 30 February over into March.
  if (Number.isNaN(asUtc.getTime()) || asUtc.toISOString() !== `${local}Z`) return undefined;
  const ms = Date.parse(`${local}${zone.toUpperCase()}`);
  return Number.isNaN(ms) ? undefined : ms;
}
