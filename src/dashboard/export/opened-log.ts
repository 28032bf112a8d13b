/** A log that is to be exported with its proof. */
import { Code, ConnectError } from "@connectrpc/connect";
import { sha256 as noble } from "@noble/hashes/sha2.js";
import type { AuditCalls } from "../../client/audit-calls.ts";
import type { TeamIdText } from "../../client/new-entry.ts";
import { type RetryOptions, retrying } from "../../client/retry.ts";
import type { VerifiedCheckpoint } from "../../client/verify/checkpoint.ts";
import { Verifier } from "../../client/verify/verifier.ts";
import type { Sha256 } from "../../log/merkle.ts";

/** A log as it was signed when it was opened. */
export interface OpenedLog {
  readonly verifier: Verifier;
  readonly teamId: string;
  readonly checkpoint: VerifiedCheckpoint;
  /** The newest checkpoint, which must go on from the ones before. @throws VerificationError. */
  newest(): Promise<VerifiedCheckpoint>;
}

/** SHA-256 in plain JavaScript: for inputs as small as these, faster than the browser's own. */
export const sha256: Sha256 = (...parts) =>
  parts.reduce((hash, part) => hash.update(part), noble.create()).digest();

/**
 * Opens a team's log by the server's own key: what is exported agrees with what was signed, and who
 * receives it compares the key. Undefined if the server signs nothing.
 *
 * @throws VerificationError, ConnectError.
 */
export async function openLog(
  { proofs }: Pick<AuditCalls, "proofs">,
  teamId: TeamIdText,
  retry: RetryOptions,
): Promise<OpenedLog | undefined> {
  const ask = () => retrying(() => proofs.getCheckpoint({ teamId }), retry);
  let first: Awaited<ReturnType<typeof ask>>;
  try {
    first = await ask();
  } catch (reason) {
    const { code } = ConnectError.from(reason);
    if (code === Code.FailedPrecondition) return undefined;
    throw reason;
  }
  const verifier = new Verifier({ keys: [first.verifierKey], sha256 });
  const proveConsistency = async (fromSize: bigint, toSize: bigint) => {
    const call = () => proofs.getConsistencyProof({ teamId, fromSize, toSize });
    try {
      return (await retrying(call, retry)).hashes;
    } catch (reason) {
      if (ConnectError.from(reason).code === Code.OutOfRange) return undefined;
      throw reason;
    }
  };
  const accept = async (note: string) => {
    const checkpoint = await verifier.verifyCheckpoint(note, teamId);
    await verifier.remember(checkpoint, proveConsistency);
    return checkpoint;
  };
  const checkpoint = await accept(first.checkpoint);
  return {
    ...{ verifier, teamId, checkpoint },
    newest: async () => accept((await ask()).checkpoint),
  };
}
