/** The way from an entry's leaf to the root, to be drawn. */
import { nodeHash } from "../../log/merkle.ts";
import { type InclusionProof, inclusionPath } from "../../log/proof.ts";
import { sha256 } from "./sha256.ts";

/** A step up: what was so far is hashed together with the hash of its neighbours. */
export interface PathStep {
  readonly sibling: Uint8Array;
  /** Where the neighbours stand in the log. */
  readonly side: "left" | "right";
  /** Sequences of the entries that the sibling is the hash of. */
  readonly first: bigint;
  readonly last: bigint;
  /** The hash of both; after the last step, the root. */
  readonly result: Uint8Array;
}

/**
 * The steps of a proof, computed from a leaf hash. Undefined if the proof has more or fewer hashes
 * than its place calls for, or one that is none.
 */
export function proofPath(leaf: Uint8Array, proof: InclusionProof): PathStep[] | undefined {
  const { leafIndex, treeSize, hashes } = proof;
  if (leafIndex < 0n || leafIndex >= treeSize) return undefined;
  const spans = inclusionPath(leafIndex, treeSize);
  if (spans.length !== hashes.length) return undefined;
  if ([leaf, ...hashes].some(({ length }) => length !== 32)) return undefined;
  let hash = leaf;
  return spans.map((span, i) => {
    const sibling = hashes[i] as Uint8Array;
    const edges = span.map(({ height, index }) => ({
      first: (index << BigInt(height)) + 1n,
      last: (index + 1n) << BigInt(height),
    }));
    const first = edges[0]?.first ?? 0n;
    const side = first <= leafIndex ? "left" : "right";
    hash = side === "left" ? nodeHash(sha256, sibling, hash) : nodeHash(sha256, hash, sibling);
    return { sibling, side, first, last: edges.at(-1)?.last ?? 0n, result: hash };
  });
}
