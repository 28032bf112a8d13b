import type { TeamId } from "../ids.ts";
import { equalBytes, ProofError, verifyConsistency } from "../log/proof.ts";
import { sha256 } from "../log/sha256.ts";
import type { TreeHead } from "../store/heads.ts";
import type { Queryable } from "../store/pool.ts";
import type { SignedHead } from "./checkpoint-store.ts";
import { consistencyHashes, rootAt, TreeDamaged } from "./tree.ts";

/** How a log contradicts what was signed for it. */
export type ContradictionKind =
  /** It has fewer entries. */
  | "shorter"
  /** It does not begin with the entries that were signed. */
  | "rewritten"
  /** It begins with them, but its head is not that of its own tree. */
  | "damaged";

/** A log that contradicts what was signed for it, so that nothing may be signed for it or appended. */
export interface Contradiction {
  readonly kind: ContradictionKind;
  readonly teamId: TeamId;
  /** The head that was signed; undefined if none was. */
  readonly signed: SignedHead | undefined;
  /** The head that is there. */
  readonly found: TreeHead;
}

/**
 * Compares a log's committed head with the last one signed, which must have been read before it.
 *
 * Only the two roots are believed. The consistency proof between them is made of what the database
 * holds and then verified, as a client does it: so a head whose frontier was changed cannot be
 * signed, whatever was done to the tiles. Where nothing was signed yet, the head must be that of
 * the tree in the tiles.
 */
export async function findContradiction(
  db: Queryable,
  teamId: TeamId,
  signed: SignedHead | undefined,
  found: TreeHead,
): Promise<Contradiction | undefined> {
  const kind = await contradictionKind(db, teamId, signed, found);
  return kind && { kind, teamId, signed, found };
}

async function contradictionKind(
  db: Queryable,
  teamId: TeamId,
  signed: SignedHead | undefined,
  { size, root }: TreeHead,
): Promise<ContradictionKind | undefined> {
  if (signed !== undefined && size < signed.size) return "shorter";
  if (root === undefined) return "damaged";
  if (signed === undefined) return (await hasRoot(db, teamId, size, root)) ? undefined : "damaged";
  if (signed.size === size) return equalBytes(root, signed.root) ? undefined : "rewritten";
  if (await leadsTo(db, teamId, signed, size, root)) return undefined;
  return (await hasRoot(db, teamId, signed.size, signed.root)) ? "damaged" : "rewritten";
}

/** Whether the tree that begins with the signed one has this root. */
async function leadsTo(
  db: Queryable,
  teamId: TeamId,
  signed: SignedHead,
  toSize: bigint,
  toRoot: Uint8Array,
): Promise<boolean> {
  const fromSize = signed.size;
  try {
    const hashes = await consistencyHashes(db, teamId, fromSize, toSize);
    verifyConsistency(sha256, { fromSize, toSize, hashes }, signed.root, toRoot);
    return true;
  } catch (error) {
    if (error instanceof ProofError || error instanceof TreeDamaged) return false;
    throw error;
  }
}

/** Whether the tree in the tiles has this root at this size. */
export async function hasRoot(
  db: Queryable,
  teamId: TeamId,
  size: bigint,
  root: Uint8Array,
): Promise<boolean> {
  try {
    return equalBytes(await rootAt(db, teamId, size), root);
  } catch (error) {
    if (error instanceof TreeDamaged) return false;
    throw error;
  }
}
