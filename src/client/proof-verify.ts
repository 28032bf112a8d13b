/** Checking a proof file offline, in Node and in browsers. */
import type { AuditEntry } from "../../gen/audit/v1/entry_pb.ts";
import { EntryJsonError } from "./entry-json.ts";
import { ExportLineError, parseExportLine } from "./export-lines.ts";
import { parseTlogProof, TlogProofError } from "./tlog-proof.ts";
import type { VerifiedCheckpoint } from "./verify/checkpoint.ts";
import type { Verifier } from "./verify/verifier.ts";

/**
 * What a proof file was found to prove: that the entry is in the log of the checkpoint. If it comes
 * without details, as erased, that they were erased is not proved.
 */
export interface ProvedEntry {
  readonly entry: AuditEntry;
  readonly checkpoint: VerifiedCheckpoint;
}

/**
 * Verifies a proof file: its `extra` line is an entry, as in an export, of which the leaf is
 * computed.
 *
 * @throws TlogProofError, VerificationError.
 */
export async function verifyTlogProof(text: string, verifier: Verifier): Promise<ProvedEntry> {
  const { extra, index: leafIndex, hashes, checkpoint: note } = parseTlogProof(text);
  if (extra === undefined) throw new TlogProofError("the proof has no entry: line 2 is not extra");
  const entry = parseEntry(extra);
  const checkpoint = await verifier.verifyCheckpoint(note, entry.teamId);
  verifier.verifyEntry(entry, { leafIndex, treeSize: checkpoint.size, hashes }, checkpoint);
  return { entry, checkpoint };
}

function parseEntry(extra: Uint8Array): AuditEntry {
  try {
    const text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(extra);
    const line = parseExportLine(text);
    if (line.kind === "entry" && line.proof === undefined) return line.entry;
    throw new ExportLineError("it is another line of an export");
  } catch (error) {
    const refusals = [ExportLineError, EntryJsonError, TypeError];
    if (!(error instanceof Error) || !refusals.some((type) => error instanceof type)) throw error;
    throw new TlogProofError(`line 2 does not hold an entry: ${error.message}`, { cause: error });
  }
}
