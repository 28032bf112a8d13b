/** The tree of entries that a log no longer holds. */
import { Frontier, type Sha256 } from "../log/merkle.ts";
import type { AuditCalls } from "./audit-calls.ts";
import { type RetryOptions, retrying } from "./retry.ts";
import { VerificationError } from "./verify/fault.ts";
import type { WalkState } from "./verify/walk.ts";

/**
 * Where a walk begins whose log no longer holds what is before `first`: with the frontier of the
 * entries before, told by the inclusion proof of the last of them. With wrong hashes no root comes
 * out right.
 *
 * @throws VerificationError hash_malformed; ConnectError.
 */
export async function logFloor(
  client: Pick<AuditCalls, "proofs">,
  teamId: string,
  first: bigint,
  retry: RetryOptions,
  sha256: Sha256,
): Promise<WalkState> {
  const last = first - 1n;
  const key = { case: "sequence", value: last } as const;
  const ask = () => client.proofs.getInclusionProof({ teamId, key, treeSize: last });
  const { hashes, leafHash } = await retrying(ask, retry);
  const frontier = frontierOf({ size: last - 1n, hashes: hashes.toReversed() }, sha256);
  frontier?.append(leafHash);
  if (frontier === undefined) throw new VerificationError("hash_malformed", { sequence: last });
  return { size: last, hashes: frontier.hashes };
}

/** The frontier of a place in a log; undefined if the hashes are not those of a tree of its size. */
export function frontierOf({ size, hashes }: WalkState, sha256: Sha256): Frontier | undefined {
  try {
    return new Frontier(sha256, size, hashes);
  } catch (error) {
    if (error instanceof RangeError) return undefined;
    throw error;
  }
}
