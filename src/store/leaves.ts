import type { EntryId, TeamId } from "../ids.ts";
import type { Scope } from "../log/entry.ts";
import type { Queryable } from "./pool.ts";

/** A leaf of a log's tree, with what decides who may ask for it. */
export interface Leaf {
  readonly sequence: bigint;
  readonly scope: Scope;
  readonly hash: Uint8Array;
}

/** How far a log reaches, and an entry's leaf if the log holds the entry. */
export interface LeafInLog {
  /** The last sequence; 0 if the team has no log. */
  readonly size: bigint;
  /** The retention floor: entries below it are pruned. */
  readonly firstSequence: bigint;
  readonly leaf?: Leaf;
}

/** An entry's leaf and its log's head, as of one moment. */
export async function readLeaf(
  db: Queryable,
  teamId: TeamId,
  key: { readonly id: EntryId } | { readonly sequence: bigint },
): Promise<LeafInLog> {
  const [name, column, value] =
    "id" in key
      ? (["leaf-by-id", "id", key.id] as const)
      : (["leaf-by-sequence", "sequence", String(key.sequence)] as const);
  const { rows } = await db.query<{
    size: bigint;
    first_sequence: bigint;
    sequence: bigint | null;
    scope: Scope | null;
    leaf_hash: Buffer | null;
  }>({
    name,
    text: `SELECT size, first_sequence, sequence, scope, leaf_hash
      FROM control_plane.audit_log_heads AS head
      LEFT JOIN control_plane.audit_logs AS entry
        ON entry.team_id = head.team_id AND entry.${column} = $2
      WHERE head.team_id = $1`,
    values: [teamId, value],
  });
  const [row] = rows;
  if (row === undefined) return { size: 0n, firstSequence: 1n };
  const { size, first_sequence: firstSequence, sequence, scope, leaf_hash: hash } = row;
  if (sequence === null || scope === null || hash === null) return { size, firstSequence };
  return { size, firstSequence, leaf: { sequence, scope, hash } };
}
