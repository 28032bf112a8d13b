/** Which entry is the bad one, when a walk has come to another root than was signed. */
import { Code, ConnectError } from "@connectrpc/connect";
import type { AuditClient } from "../client/client.ts";
import { type LogPosition, LogReader } from "../client/log-reader.ts";
import { type RetryOptions, retrying } from "../client/retry.ts";
import type { VerifiedCheckpoint } from "../client/verify/checkpoint.ts";
import { VerificationError } from "../client/verify/fault.ts";
import type { WalkState } from "../client/verify/walk.ts";
import { step } from "../client/walk-step.ts";
import { ProofError, verifyConsistency, verifyInclusion } from "../log/proof.ts";
import { sha256 } from "../log/sha256.ts";
import type { OpenLog } from "./open-log.ts";

/** A walk that came to another root than the checkpoint's. */
export interface Walked {
  readonly start: WalkState;
  readonly checkpoint: VerifiedCheckpoint;
  readonly retry: RetryOptions;
}

/**
 * Walks once more and has the server prove, piece by piece, what belongs into the tree that was
 * signed: the first entry that does not is the bad one. Undefined if the server can no longer prove
 * anything, because the tree that it keeps is itself not the one that was signed.
 */
export async function firstBadEntry(
  client: AuditClient,
  log: OpenLog,
  { start, checkpoint, retry }: Walked,
): Promise<bigint | undefined> {
  const { verifier, teamId } = log;
  const { size: treeSize, root } = checkpoint;

  const isRight = async (fromSize: bigint, fromRoot: Uint8Array): Promise<boolean> => {
    const request = { teamId, fromSize, toSize: treeSize };
    const { hashes } = await retrying(() => client.proofs.getConsistencyProof(request), retry);
    return holds(() =>
      verifyConsistency(sha256, { fromSize, toSize: treeSize, hashes }, fromRoot, root),
    );
  };
  /** Whether the position is in the tree; undefined if that is not the caller's to know. */
  const isSigned = async ({ sequence, leafHash }: LogPosition): Promise<boolean | undefined> => {
    const key = { case: "sequence", value: sequence } as const;
    try {
      const ask = () => client.proofs.getInclusionProof({ teamId, key, treeSize });
      const { hashes } = await retrying(ask, retry);
      const proof = { leafIndex: sequence - 1n, treeSize, hashes };
      return holds(() => verifyInclusion(sha256, leafHash, proof, root));
    } catch (error) {
      if (error instanceof ConnectError && error.code === Code.NotFound) return undefined;
      throw error;
    }
  };

  const walk = verifier.walk(teamId, start);
  const reader = new LogReader(client.audit, { ...retry, teamId, after: start.size });
  for await (const { positions } of reader.readTo(treeSize)) {
    if (positions.length === 0) continue;
    try {
      for (const position of positions) step(walk, position);
    } catch (error) {
      if (error instanceof VerificationError) return error.sequence;
      throw error;
    }
    if (await isRight(walk.size, walk.root)) continue;
    let bad: bigint | undefined;
    let provesAny = false;
    for (const position of positions) {
      const signed = await isSigned(position);
      if (signed) provesAny = true;
      else if (signed === false) bad ??= position.sequence;
      if (provesAny && bad !== undefined) return bad;
    }
    return undefined;
  }
  return undefined;
}

function holds(check: () => void): boolean {
  try {
    check();
    return true;
  } catch (error) {
    if (error instanceof ProofError) return false;
    throw error;
  }
}
