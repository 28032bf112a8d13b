/** Checking a proof file without a server. */
import { open } from "node:fs/promises";
import { DetailsState } from "../../gen/audit/v1/entry_pb.ts";
import { entryToJson } from "../client/entry-json.ts";
import { plainJson } from "../client/plain-json.ts";
import { verifyTlogProof } from "../client/proof-verify.ts";
import { maxTlogProofBytes, TlogProofError } from "../client/tlog-proof.ts";
import { Verifier } from "../client/verify/verifier.ts";
import { sha256 } from "../log/sha256.ts";
import { UsageError } from "./failure.ts";
import { entryText } from "./get.ts";
import { print } from "./output.ts";
import { requireKeys, type TrustFlags } from "./verifier-keys.ts";
import { checkpointJson, checkpointLines, reportText } from "./verify-report.ts";

/**
 * Verifies a proof file and prints its entry.
 *
 * @throws VerificationError, TlogProofError; UsageError if it cannot be read or no key is known.
 */
export async function verifyProof(path: string, flags: TrustFlags, json: boolean): Promise<void> {
  const known = await requireKeys(flags);
  const verifier = new Verifier({ keys: known.keys, sha256 });
  const { entry, checkpoint } = await verifyTlogProof(await readProof(path), verifier);
  if (json) {
    const found = { ...checkpointJson(checkpoint, known), entry: entryToJson(entry) };
    await print(`${plainJson(found)}\n`);
    return;
  }
  // The log may say so elsewhere, or not: one entry cannot show it.
  const state =
    entry.detailsState === DetailsState.ERASED
      ? "; it comes without details, and that they were erased by right is not proved here"
      : " as it was recorded";
  const headline = `entry ${entry.sequence} of ${checkpoint.origin} is in it${state}`;
  await print(`${reportText(headline, checkpointLines(checkpoint, known))}\n${entryText(entry)}`);
}

/** The file's text, if it is not larger than any proof. */
async function readProof(path: string): Promise<string> {
  const bytes = Buffer.alloc(maxTlogProofBytes + 1);
  let length: number;
  try {
    await using file = await open(path, "r");
    length = (await file.read(bytes, 0, bytes.length, 0)).bytesRead;
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error));
  }
  try {
    const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
    return decoder.decode(bytes.subarray(0, length));
  } catch (error) {
    throw new TlogProofError("the proof is not UTF-8", { cause: error });
  }
}
