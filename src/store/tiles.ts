import type pg from "pg";
import { type Tile, tileHeight } from "../log/tile.ts";
import type { Queryable } from "./pool.ts";

/**
 * Writes a full tile from what its transaction has written before it: the leaf hashes of its 256
 * entries, or the roots of the 256 tiles below.
 */
export function insertTile(db: Queryable, tile: Tile): Promise<pg.QueryResult> {
  const first = tile.index << BigInt(tileHeight);
  const last = first + (1n << BigInt(tileHeight)) - 1n;
  if (tile.level === 0) {
    return db.query({
      name: "leaf-tile",
      text: `INSERT INTO control_plane.audit_log_tiles (team_id, level, tile_index, hashes, root)
        SELECT $1, 0, $2, string_agg(leaf_hash, ''::bytea ORDER BY sequence), $3
        FROM control_plane.audit_logs WHERE team_id = $1 AND sequence BETWEEN $4 AND $5`,
      values: [tile.teamId, tile.index, tile.root, first + 1n, last + 1n],
    });
  }
  return db.query({
    name: "upper-tile",
    text: `INSERT INTO control_plane.audit_log_tiles (team_id, level, tile_index, hashes, root)
      SELECT $1, $2::smallint, $3, string_agg(root, ''::bytea ORDER BY tile_index), $4
      FROM control_plane.audit_log_tiles
      WHERE team_id = $1 AND level = $2::smallint - 1 AND tile_index BETWEEN $5 AND $6`,
    values: [tile.teamId, tile.level, tile.index, tile.root, first, last],
  });
}
