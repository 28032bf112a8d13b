import type { TeamId } from "../../src/ids.ts";
import { nodeHash } from "../../src/log/merkle.ts";
import { sha256 } from "../../src/log/sha256.ts";
import type { Queryable } from "../../src/store/pool.ts";

/**
 * Proofs as RFC 6962 defines them, from all leaf hashes read from the log at each call: the
 * baseline for those from tiles.
 */

/** The inclusion proof of a leaf in the tree of a size. */
export async function naiveInclusion(
  db: Queryable,
  teamId: TeamId,
  leafIndex: number,
  treeSize: number,
): Promise<Uint8Array[]> {
  const { rows } = await db.query<{ leaf_hash: Buffer }>({
    name: "naive-leaves",
    text: `SELECT leaf_hash FROM control_plane.audit_logs
      WHERE team_id = $1 AND sequence <= $2 ORDER BY sequence`,
    values: [teamId, treeSize],
  });
  return path(
    rows.map((row) => row.leaf_hash),
    leafIndex,
  );
}

function path(leaves: readonly Uint8Array[], index: number): Uint8Array[] {
  if (leaves.length === 1) return [];
  const middle = split(leaves.length);
  const [left, right] = [leaves.slice(0, middle), leaves.slice(middle)];
  return index < middle
    ? [...path(left, index), root(right)]
    : [...path(right, index - middle), root(left)];
}

function root(leaves: readonly Uint8Array[]): Uint8Array {
  const [only] = leaves;
  if (leaves.length === 1 && only !== undefined) return only;
  const middle = split(leaves.length);
  return nodeHash(sha256, root(leaves.slice(0, middle)), root(leaves.slice(middle)));
}

/** The largest power of two below. */
function split(size: number): number {
  return 2 ** (Math.ceil(Math.log2(size)) - 1);
}
