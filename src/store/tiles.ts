import type pg from "pg";
import type { TeamId } from "../ids.ts";
import { type Tile, tileHeight } from "../log/tile.ts";
import { always } from "./condition.ts";
import type { Queryable } from "./pool.ts";

/**
 * Writes a full tile from what its transaction has written before it: the leaf hashes of its 256
 * entries, or the roots of the 256 tiles below.
 */
export function insertTile(
  db: Queryable,
  tile: Tile,
  { name, sql } = always,
): Promise<pg.QueryResult> {
  const first = tile.index << BigInt(tileHeight);
  const last = first + (1n << BigInt(tileHeight)) - 1n;
  if (tile.level === 0) {
    return db.query({
      name: `leaf-tile${name}`,
      text: `INSERT INTO control_plane.audit_log_tiles (team_id, level, tile_index, hashes, root)
        SELECT $1, 0, $2, string_agg(leaf_hash, ''::bytea ORDER BY sequence), $3
        FROM control_plane.audit_logs WHERE team_id = $1 AND sequence BETWEEN $4 AND $5 HAVING ${sql}`,
      values: [tile.teamId, tile.index, tile.root, first + 1n, last + 1n],
    });
  }
  return db.query({
    name: `upper-tile${name}`,
    text: `INSERT INTO control_plane.audit_log_tiles (team_id, level, tile_index, hashes, root)
      SELECT $1, $2::smallint, $3, string_agg(root, ''::bytea ORDER BY tile_index), $4
      FROM control_plane.audit_log_tiles
      WHERE team_id = $1 AND level = $2::smallint - 1 AND tile_index BETWEEN $5 AND $6
      HAVING ${sql}`,
    values: [tile.teamId, tile.level, tile.index, tile.root, first, last],
  });
}

/** Hashes side by side within one tile, be it full or not: of height 8·level, from `first` on. */
export interface HashRun {
  readonly level: number;
  readonly first: bigint;
  /** 1 to 256. */
  readonly count: number;
}

/**
 * The hashes of each run, 32 bytes each, one after another: of its tile if that is full, else of
 * what the tile will be made of. Undefined where the database does not hold them all.
 *
 * One statement and so one snapshot: entries are pruned only when their tile is full.
 */
export async function readHashes(
  db: Queryable,
  teamId: TeamId,
  runs: readonly HashRun[],
): Promise<(Uint8Array | undefined)[]> {
  const { rows } = await db.query<{ hashes: Buffer | null }>({
    name: "tree-hashes",
    text: `SELECT coalesce(
        (SELECT substring(hashes FROM (run.first & 255)::integer * 32 + 1 FOR run.length * 32)
          FROM control_plane.audit_log_tiles
          WHERE team_id = $1 AND level = run.level AND tile_index = run.first >> 8),
        CASE WHEN run.level = 0 THEN
          (SELECT string_agg(leaf_hash, ''::bytea ORDER BY sequence)
            FROM control_plane.audit_logs
            WHERE team_id = $1 AND sequence BETWEEN run.first + 1 AND run.first + run.length)
        ELSE
          (SELECT string_agg(root, ''::bytea ORDER BY tile_index)
            FROM control_plane.audit_log_tiles
            WHERE team_id = $1 AND level = run.level - 1
              AND tile_index BETWEEN run.first AND run.first + run.length - 1)
        END
      ) AS hashes
      FROM unnest($2::smallint[], $3::bigint[], $4::integer[]) WITH ORDINALITY
        AS run (level, first, length, n)
      ORDER BY n`,
    values: [
      teamId,
      runs.map(({ level }) => level),
      runs.map(({ first }) => String(first)),
      runs.map(({ count }) => count),
    ],
  });
  return runs.map(({ count }, i) => {
    const hashes = rows[i]?.hashes;
    return hashes?.length === count * 32 ? hashes : undefined;
  });
}
