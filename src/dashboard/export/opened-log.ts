/** A log that is to be exported with its proof. */
import { Code, ConnectError } from "@connectrpc/connect";
import type { AuditCalls } from "../../client/audit-calls.ts";
import { reasonOf } from "../../client/error-reason.ts";
import type { TeamIdText } from "../../client/new-entry.ts";
import { type RetryOptions, retrying } from "../../client/retry.ts";
import type { VerifiedCheckpoint } from "../../client/verify/checkpoint.ts";
import { Verifier } from "../../client/verify/verifier.ts";
import { sha256 } from "../proof/sha256.ts";

/** A log as it was signed when it was opened. */
export interface OpenedLog {
  readonly verifier: Verifier;
  readonly teamId: string;
  readonly checkpoint: VerifiedCheckpoint;
  /** The newest checkpoint, which must go on from the ones before. @throws VerificationError. */
  newest(): Promise<VerifiedCheckpoint>;
}

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
    if (reasonOf(reason) === "CHECKPOINTS_DISABLED") return undefined;
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
