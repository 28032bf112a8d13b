import { create } from "@bufbuild/protobuf";
import { EntryProofSchema, type RecordRequest } from "../../gen/audit/v1/audit_service_pb.ts";
import type { CallSignal } from "../call-signal.ts";
import { invalidField } from "../errors.ts";
import type { Entry } from "../log/entry.ts";
import { positionAfter } from "../log/position.ts";
import { ProofError, verifyInclusion } from "../log/proof.ts";
import { sha256 } from "../log/sha256.ts";
import type { SignedHead } from "../proof/checkpoint-store.ts";
import type { Notary } from "../proof/notary.ts";
import { inclusionHashes } from "../proof/tree.ts";
import type { Queryable } from "../store/pool.ts";
import { decodeEntry, encodeEntry } from "./codec.ts";
import { encodeCursor } from "./cursor.ts";
import { requireNotary } from "./get-checkpoint.ts";
import { authenticatedKey, type CallContext } from "./principal.ts";
import type { Recorded } from "./record-wire.ts";
import type { Services } from "./services.ts";

/** Records one entry, and proves it if asked to. What it answers, {@link recordResponse} encodes. */
export function record(services: Services) {
  const { prefixes, makeId } = services;
  return async (request: RecordRequest, context: CallContext): Promise<Recorded> => {
    const { principal } = context.values.get(authenticatedKey);
    if (request.entry === undefined) throw invalidField("entry", "is required");
    const entry = decodeEntry(request.entry, "entry", { principal, prefixes, makeId });
    // Before anything is recorded: without a notary the call must have no effect.
    const notary = request.withProof ? requireNotary(services) : undefined;
    const recorded = await services.record(entry, context.signal);
    return {
      entry: recorded,
      cursor: encodeCursor(recorded.teamId, positionAfter(recorded)),
      ...(notary && { proof: await prove(services.db, notary, recorded, context.signal) }),
    };
  };
}

/** A RecordResponse. */
export function recordResponse({ entry, cursor, proof }: Recorded) {
  return { entry: encodeEntry(entry), cursor, ...(proof && { proof }) };
}

/** Proves a committed entry by a checkpoint that covers it, which many calls may share. */
async function prove(db: Queryable, notary: Notary, entry: Entry, signal: CallSignal) {
  const { teamId, sequence } = entry;
  const shared = await notary.checkpoint(teamId, signal, sequence);
  try {
    return await inclusion(db, entry, shared);
  } catch (error) {
    if (!(error instanceof ProofError)) throw error;
    // The log is not the one signed: this says so, unless that was accepted meanwhile.
    return inclusion(db, entry, await notary.checkpoint(teamId, signal));
  }
}

/** @throws ProofError if the proof does not lead to the checkpoint's root. */
async function inclusion(db: Queryable, entry: Entry, { size, root, note }: SignedHead) {
  const leafIndex = entry.sequence - 1n;
  const hashes = await inclusionHashes(db, entry.teamId, leafIndex, size);
  verifyInclusion(sha256, entry.leafHash, { leafIndex, treeSize: size, hashes }, root);
  return create(EntryProofSchema, {
    checkpoint: note,
    leafIndex,
    hashes: hashes as Uint8Array<ArrayBuffer>[],
  });
}
