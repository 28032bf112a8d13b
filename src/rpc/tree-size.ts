import { AuditError, invalidField } from "../errors.ts";
import { maxTreeSize } from "../log/proof.ts";

/**
 * Decodes the size of a tree; 0 is left to its reader.
 *
 * @throws AuditError INVALID_FIELD for one that no tree can have.
 */
export function decodeTreeSize(field: string, size: bigint): bigint {
  if (size <= maxTreeSize) return size;
  throw invalidField(field, "must be at most 2^63 - 1");
}

/** @throws AuditError TREE_SIZE_OUT_OF_RANGE unless the log is so large. */
export function requireReached(size: bigint, logSize: bigint): void {
  if (size <= logSize) return;
  throw new AuditError("TREE_SIZE_OUT_OF_RANGE", `the log has ${logSize} entries`, {
    metadata: { size: String(logSize) },
  });
}
