import { randomBytes } from "node:crypto";
import fc from "fast-check";
import { type ConsistencyProof, type InclusionProof, maxTreeSize } from "../../src/log/proof.ts";
import { definedConsistencySteps, definedInclusionSteps, definedNode } from "./defined-tree.ts";

/**
 * True proofs of trees of any size, up to those that nobody can hold: the subtrees beside the path
 * have random hashes, and the roots follow from them by RFC 6962's definitions.
 */

/** An inclusion proof with what it is checked against. */
export interface Inclusion extends InclusionProof {
  readonly leaf: Uint8Array;
  readonly root: Uint8Array;
}

/** A true inclusion proof. */
export function syntheticInclusion(
  leafIndex: bigint,
  treeSize: bigint,
  leaf: Uint8Array = randomBytes(32),
): Inclusion {
  let root: Uint8Array = leaf;
  const hashes = definedInclusionSteps(leafIndex, treeSize).map(({ side }) => {
    const sibling = randomBytes(32);
    root = side === "left" ? definedNode(sibling, root) : definedNode(root, sibling);
    return sibling;
  });
  return { leafIndex, treeSize, hashes, leaf, root };
}

/** A consistency proof with what it is checked against. */
export interface Consistency extends ConsistencyProof {
  readonly fromRoot: Uint8Array;
  readonly toRoot: Uint8Array;
}

/** A true consistency proof. */
export function syntheticConsistency(fromSize: bigint, toSize: bigint): Consistency {
  const { isWhole, steps } = definedConsistencySteps(fromSize, toSize);
  const base = randomBytes(32);
  let fromRoot: Uint8Array = base;
  let toRoot: Uint8Array = base;
  const hashes = steps.map(({ side }) => {
    const sibling = randomBytes(32);
    if (side === "left") fromRoot = definedNode(sibling, fromRoot);
    toRoot = side === "left" ? definedNode(sibling, toRoot) : definedNode(toRoot, sibling);
    return sibling;
  });
  return { fromSize, toSize, hashes: isWhole ? hashes : [base, ...hashes], fromRoot, toRoot };
}

/** Sizes of all magnitudes: small, around powers of two, and up to the largest there is. */
const anySize = fc
  .oneof(
    fc.bigInt({ min: 1n, max: 600n }),
    fc.bigInt({ min: 1n, max: maxTreeSize }),
    fc
      .tuple(fc.integer({ min: 1, max: 63 }), fc.bigInt({ min: -2n, max: 2n }))
      .map(([bits, by]) => 2n ** BigInt(bits) + by),
  )
  .map((size) => (size < 1n ? 1n : size > maxTreeSize ? maxTreeSize : size));

/** Two sizes of which the lower one may be the higher one. */
export const arbitrarySizes = fc
  .tuple(anySize, anySize)
  .map(([a, b]) => (a < b ? { low: a, high: b } : { low: b, high: a }));

/** True inclusion proofs in trees of any size. */
export const arbitraryInclusion = arbitrarySizes.map(({ low, high }) =>
  syntheticInclusion(low - 1n, high),
);

/** True consistency proofs between different sizes. */
export const arbitraryConsistency = arbitrarySizes
  .filter(({ low, high }) => low < high)
  .map(({ low, high }) => syntheticConsistency(low, high));
