import type { TeamId } from "../ids.ts";
import type { Subtree } from "./merkle.ts";

/** Levels of the tree that a tile spans: 256 hashes wide, as in C2SP tlog-tiles. */
export const tileHeight = 8;

/**
 * A full tile of a team's Merkle tree: the hashes from 256·index on at tree level 8·level, whose
 * root is one hash of the tile above.
 */
export interface Tile {
  readonly teamId: TeamId;
  readonly level: number;
  readonly index: bigint;
  readonly root: Uint8Array;
}

/** The tile that a complete subtree makes full, if it does. */
export function tileOf(teamId: TeamId, { height, index, hash }: Subtree): Tile | undefined {
  if (height % tileHeight !== 0) return undefined;
  return { teamId, level: height / tileHeight - 1, index, root: hash };
}
