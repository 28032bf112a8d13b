/** When a credential ends, in words. */

/** How long before its end a person is told. */
export const noticeMs = 5 * 60_000;

/** The next moment at which something changes for the one who is signed in, in ms since 1970. */
export function nextChange(expiresAt: number, now: number): number {
  if (now < expiresAt - noticeMs) return expiresAt - noticeMs;
  if (now < expiresAt) {
    // The next whole minute that is left.
    const left = expiresAt - now;
    return expiresAt - Math.floor((left - 1) / 60_000) * 60_000;
  }
  // The server's clock, not this one, says when it is over.
  return now + 10_000;
}

/** How long something still works. Examples: `less than a minute`, `3 more minutes`, `2 more days` */
export function timeLeft(leftMs: number): string {
  const minutes = Math.floor(leftMs / 60_000);
  if (minutes < 1) return "less than a minute";
  const [count, unit] =
    minutes < 120
      ? [minutes, "minute"]
      : minutes < 48 * 60
        ? [Math.floor(minutes / 60), "hour"]
        : [Math.floor(minutes / (24 * 60)), "day"];
  return `${count.toLocaleString("en")} more ${unit}${count === 1 ? "" : "s"}`;
}
