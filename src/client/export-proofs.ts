/** The proofs of a filtered export's entries. */
import type { AuditEntry } from "../../gen/audit/v1/entry_pb.ts";
import type { AuditCalls } from "./audit-calls.ts";
import type { ExportedPosition } from "./export-format.ts";
import { type RetryOptions, retrying } from "./retry.ts";
import type { VerifiedCheckpoint } from "./verify/checkpoint.ts";
import type { Verifier } from "./verify/verifier.ts";

/** Calls in flight at once. */
const proofsAtOnce = 32;

/** Whom to ask. */
export interface Prover {
  readonly client: Pick<AuditCalls, "proofs">;
  readonly log: { readonly verifier: Verifier; readonly teamId: string };
  readonly retry: RetryOptions;
}

/** The entries with their proofs in a checkpoint's tree, each verified. @throws VerificationError. */
export async function proveAll(
  { client, log, retry }: Prover,
  goal: VerifiedCheckpoint,
  entries: readonly AuditEntry[],
): Promise<ExportedPosition[]> {
  const proveOne = async (entry: AuditEntry): Promise<ExportedPosition> => {
    const key = { case: "sequence", value: entry.sequence } as const;
    const request = { teamId: log.teamId, key, treeSize: goal.size };
    const { signal } = retry;
    const proof = await retrying(() => client.proofs.getInclusionProof(request, { signal }), retry);
    log.verifier.verifyEntry(entry, proof, goal);
    return { position: entry, proof };
  };
  const proved: ExportedPosition[] = [];
  for (let at = 0; at < entries.length; at += proofsAtOnce) {
    proved.push(...(await Promise.all(entries.slice(at, at + proofsAtOnce).map(proveOne))));
  }
  return proved;
}
