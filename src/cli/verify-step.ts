/** A walk, step by step. */
import { isEntry, type LogPosition } from "../client/log-reader.ts";
import type { VerifiedCheckpoint } from "../client/verify/checkpoint.ts";
import type { LogWalk } from "../client/verify/walk.ts";
import { VerificationFailure } from "./failure.ts";

/** Adds whatever is at the next position. @throws VerificationError. */
export function step(walk: LogWalk, position: LogPosition): void {
  if (isEntry(position)) walk.addEntry(position);
  else walk.addWithheld(position);
}

/** Whether a log that ends with entry `size` has all that was signed for. */
export function requireReached({ size }: { size: bigint }, signed: VerifiedCheckpoint): void {
  if (size >= signed.size) return;
  throw new VerificationFailure(
    `verification failed: the log ends with entry ${size}, and ${signed.size} were signed for\n` +
      `  fault: size_mismatch; first bad sequence: ${size + 1n}`,
  );
}
