/** Sessions are directories: `<stamp>-<random>`, and `.left` behind it once their process is done with them. */
import { randomBytes } from "node:crypto";

const pattern = /^(\d{15})-[0-9a-f]{16}(\.left)?$/;
const last = 999_999_999_999_999;

/**
 * A name for a new session beside these. Names sort by age, whatever the clock does: the stamp is the time
 * in milliseconds, or more if there is a later one.
 */
export function newSessionName(others: readonly string[]): string {
  const stamps = others.map((name) => Number(pattern.exec(name)?.[1] ?? 0));
  const stamp = Math.min(last, Math.max(Date.now(), ...stamps.map((other) => other + 1)));
  return `${String(stamp).padStart(15, "0")}-${randomBytes(8).toString("hex")}`;
}

/** Whether this is the name of a session. */
export function isSessionName(name: string): boolean {
  return pattern.test(name);
}

/** Whether the session's process is done with it. */
export function isLeft(name: string): boolean {
  return name.endsWith(".left");
}

/** The name as it was before the session was left. */
export function plainName(name: string): string {
  return name.replace(/\.left$/, "");
}

/** The name of a session that is left. */
export function leftName(name: string): string {
  return `${name}.left`;
}

const segmentPattern = /^(\d{12})\.seg$/;

/** The name of a session's segment; they are counted from 1. */
export function segmentName(position: number): string {
  return `${String(position).padStart(12, "0")}.seg`;
}

/** Which of its session's segments has this name; undefined if it is no segment's. */
export function segmentPosition(name: string): number | undefined {
  const digits = segmentPattern.exec(name)?.[1];
  return digits === undefined ? undefined : Number(digits);
}

/** The file by which others see that a session's process lives. */
export const ownerFile = "owner";
