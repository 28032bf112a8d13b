/** A walk's next step. */
import { isEntry, type LogPosition } from "../client/log-reader.ts";
import type { LogWalk } from "../client/verify/walk.ts";

/** Adds whatever is at the next position. @throws VerificationError. */
export function step(walk: LogWalk, position: LogPosition): void {
  if (isEntry(position)) walk.addEntry(position);
  else walk.addWithheld(position);
}
