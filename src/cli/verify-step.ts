/** What a walk over a log must have reached. */
import type { VerifiedCheckpoint } from "../client/verify/checkpoint.ts";
import { VerificationFailure } from "./failure.ts";

/** Whether a log that ends with entry `size` has all that was signed for. */
export function requireReached({ size }: { size: bigint }, signed: VerifiedCheckpoint): void {
  if (size >= signed.size) return;
  throw new VerificationFailure(
    `verification failed: the log ends with entry ${size}, and ${signed.size} were signed for\n` +
      `  fault: size_mismatch; first bad sequence: ${size + 1n}`,
  );
}
