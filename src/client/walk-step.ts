/** A walk, step by step. */
import { isEntry, type LogPosition } from "./log-reader.ts";
import type { LogWalk } from "./verify/walk.ts";

/** Adds whatever is at the next position. @throws VerificationError. */
export function step(walk: LogWalk, position: LogPosition): void {
  if (isEntry(position)) walk.addEntry(position);
  else walk.addWithheld(position);
}
