/** What a page does with the package: bundled for browsers, and checked without Node's types. */
import {
  createAuditClient,
  type EntryJson,
  localStorageMemory,
  VerificationError,
  Verifier,
} from "@annals/client/web";

/** Follows a log; every entry is proved to be in it. */
export async function follow(
  baseUrl: string,
  token: () => Promise<string>,
  key: string,
  show: (entry: EntryJson | VerificationError) => void,
): Promise<void> {
  const client = createAuditClient({ baseUrl, token });
  const verifier = new Verifier({ keys: [key], memory: localStorageMemory() });
  for await (const entry of client.tail({ last: 50 })) {
    show(entry);
    try {
      const { sequence, teamId } = entry;
      const { checkpoint: note } = await client.proofs.getCheckpoint({ teamId });
      const checkpoint = await verifier.verifyCheckpoint(note, teamId);
      const at = { case: "sequence", value: BigInt(sequence) } as const;
      const { entry: message } = await client.audit.get({ teamId, key: at });
      const proof = await client.proofs.getInclusionProof({
        teamId,
        key: at,
        treeSize: checkpoint.size,
      });
      if (message) verifier.verifyEntry(message, proof, checkpoint);
    } catch (error) {
      if (!(error instanceof VerificationError)) throw error;
      show(error);
    }
  }
}
