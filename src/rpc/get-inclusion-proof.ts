import type { HandlerContext } from "@connectrpc/connect";
import type { GetInclusionProofRequest } from "../../gen/audit/v1/proof_service_pb.ts";
import { invalidField } from "../errors.ts";
import type { TeamId } from "../ids.ts";
import type { Scope } from "../log/entry.ts";
import { inclusionHashes, leafHashAt } from "../proof/tree.ts";
import { type LeafInLog, readLeaf } from "../store/leaves.ts";
import type { Queryable } from "../store/pool.ts";
import { readableScopes, requestedTeam } from "./access.ts";
import { decodeEntryKey, type EntryKey, entryNotFound } from "./entry-key.ts";
import { authenticatedKey } from "./principal.ts";
import type { Services } from "./services.ts";
import { decodeTreeSize, requireReached } from "./tree-size.ts";

/** Proves that an entry is in its team's tree. */
export function getInclusionProof({ db }: Services) {
  return async (request: GetInclusionProofRequest, context: HandlerContext) => {
    const { principal } = context.values.get(authenticatedKey);
    const teamId = requestedTeam(principal, request.teamId);
    const readable = readableScopes(principal, teamId);
    const key = decodeEntryKey(request.key);
    const asked = decodeTreeSize("tree_size", request.treeSize);
    const log = await readLeaf(db, teamId, key);
    // Before the size is looked at, so that it tells nothing of what may not be read.
    const { sequence, hash } = await provable(db, teamId, key, log, readable);
    requireReached(asked, log.size);
    const treeSize = asked === 0n ? log.size : asked;
    if (treeSize < sequence) {
      throw invalidField("tree_size", `must be at least the entry's sequence, ${sequence}`);
    }
    const leafIndex = sequence - 1n;
    const hashes = await inclusionHashes(db, teamId, leafIndex, treeSize);
    return {
      leafIndex,
      treeSize,
      leafHash: hash as Uint8Array<ArrayBuffer>,
      hashes: hashes as Uint8Array<ArrayBuffer>[],
    };
  };
}

/** The entry's position and leaf hash, if the caller may have them. */
async function provable(
  db: Queryable,
  teamId: TeamId,
  key: EntryKey,
  log: LeafInLog,
  readable: readonly Scope[],
): Promise<{ readonly sequence: bigint; readonly hash: Uint8Array }> {
  if (log.leaf !== undefined) {
    if (readable.includes(log.leaf.scope)) return log.leaf;
    throw entryNotFound();
  }
  if ("id" in key || key.sequence > log.size) throw entryNotFound();
  const { sequence } = key;
  if (sequence >= log.firstSequence) {
    throw new Error(`entry ${sequence} of team ${teamId} is missing from its log`);
  }
  // Pruned, whatever its scope was: a leaf hash tells nothing of what its entry said.
  const hash = await leafHashAt(db, teamId, sequence);
  if (hash === undefined) {
    throw new Error(`the leaf hash of pruned entry ${sequence} of team ${teamId} is missing`);
  }
  return { sequence, hash };
}
