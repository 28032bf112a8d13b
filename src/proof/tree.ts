import type { TeamId } from "../ids.ts";
import { completeRoot, foldHashes } from "../log/merkle.ts";
import {
  consistencyPath,
  frontierNodes,
  inclusionPath,
  type Node,
  type Span,
} from "../log/proof.ts";
import { sha256 } from "../log/sha256.ts";
import { tileHeight } from "../log/tile.ts";
import type { Queryable } from "../store/pool.ts";
import { type HashRun, readHashes } from "../store/tiles.ts";

/**
 * The trees of logs, read from the database: each answer takes one statement, which reads two tiles
 * a level at most. Sizes must be at most the log's committed one, which the caller has read before.
 * Entries below the retention floor are in them too.
 *
 * They throw {@link TreeDamaged} if the database lacks a hash; whether those it holds are right is
 * for whoever checks the proof.
 */

/** The database lacks a hash that the tree of a log of its size has. */
export class TreeDamaged extends Error {
  override readonly name = "TreeDamaged";
}

/**
 * The inclusion proof (RFC 6962, section 2.1.1) of a leaf in the tree of a size.
 *
 * @throws RangeError unless 0 ≤ leafIndex < treeSize.
 */
export function inclusionHashes(
  db: Queryable,
  teamId: TeamId,
  leafIndex: bigint,
  treeSize: bigint,
): Promise<Uint8Array[]> {
  return spanHashes(db, teamId, inclusionPath(leafIndex, treeSize));
}

/**
 * The consistency proof (RFC 6962, section 2.1.2) between the trees of two sizes; empty if they are
 * the same.
 *
 * @throws RangeError unless 1 ≤ fromSize ≤ toSize.
 */
export function consistencyHashes(
  db: Queryable,
  teamId: TeamId,
  fromSize: bigint,
  toSize: bigint,
): Promise<Uint8Array[]> {
  return spanHashes(db, teamId, consistencyPath(fromSize, toSize));
}

/** The root hash of the tree of a size; of the empty one, SHA-256 of nothing. */
export async function rootAt(db: Queryable, teamId: TeamId, size: bigint): Promise<Uint8Array> {
  const [root] = await spanHashes(db, teamId, [frontierNodes(size)]);
  return root ?? sha256();
}

/** The leaf hash at a sequence, also of a pruned entry; undefined if the log never reached it. */
export async function leafHashAt(
  db: Queryable,
  teamId: TeamId,
  sequence: bigint,
): Promise<Uint8Array | undefined> {
  const [hash] = await readHashes(db, teamId, [{ level: 0, first: sequence - 1n, count: 1 }]);
  return hash;
}

/** The hash that each span's nodes fold into. */
async function spanHashes(
  db: Queryable,
  teamId: TeamId,
  spans: readonly Span[],
): Promise<Uint8Array[]> {
  const hashOf = await readNodes(db, teamId, spans.flat());
  return spans.map((span) => foldHashes(sha256, span.map(hashOf)));
}

/** The hashes of complete subtrees, all read at once. */
async function readNodes(
  db: Queryable,
  teamId: TeamId,
  nodes: readonly Node[],
): Promise<(node: Node) => Uint8Array> {
  const runs = new Map<string, HashRun>();
  for (const run of nodes.map(runOf)) {
    const key = tileKey(run);
    runs.set(key, covering(runs.get(key) ?? run, run));
  }
  const wanted = [...runs.values()];
  const found = wanted.length === 0 ? [] : await readHashes(db, teamId, wanted);
  const tiles = new Map<string, { readonly first: bigint; readonly hashes: Uint8Array }>();
  for (const [i, run] of wanted.entries()) {
    const hashes = found[i];
    if (hashes === undefined) throw lacking(teamId, run);
    tiles.set(tileKey(run), { first: run.first, hashes });
  }
  return (node) => {
    const run = runOf(node);
    const tile = tiles.get(tileKey(run));
    if (tile === undefined) throw lacking(teamId, run);
    const at = Number(run.first - tile.first) * hashBytes;
    return completeRoot(sha256, tile.hashes.subarray(at, at + run.count * hashBytes));
  };
}

const hashBytes = 32;

/** The stored hashes that a node is computed from. */
function runOf({ height, index }: Node): HashRun {
  const above = height % tileHeight;
  const level = (height - above) / tileHeight;
  return { level, first: index << BigInt(above), count: 2 ** above };
}

function tileKey({ level, first }: HashRun): string {
  return `${level}/${first >> BigInt(tileHeight)}`;
}

/** The shortest run with both of these, which are of one tile. */
function covering(a: HashRun, b: HashRun): HashRun {
  const first = a.first < b.first ? a.first : b.first;
  const end = Math.max(Number(a.first - first) + a.count, Number(b.first - first) + b.count);
  return { level: a.level, first, count: end };
}

function lacking(teamId: TeamId, { level, first, count }: HashRun): TreeDamaged {
  const which = `${count} hashes of level ${level} from ${first} on`;
  return new TreeDamaged(
    `the database lacks ${which} of the tree of team ${teamId}: it is damaged`,
  );
}
