import { nodeHash, type Sha256 } from "./merkle.ts";

/**
 * Inclusion and consistency proofs by RFC 6962, sections 2.1.1 and 2.1.2: which nodes of the tree
 * they are made of, and their verification. Pure; sizes and indexes are BigInt.
 */

/** A complete subtree of 2^height leaves, the index-th of its height from the left. */
export interface Node {
  readonly height: number;
  readonly index: bigint;
}

/** Complete subtrees side by side, left to right, whose hashes are folded into one. */
export type Span = readonly Node[];

/** Hashes of a tree of 2^63 leaves, the largest there is, from a leaf to its root. */
export const maxProofHashes = 64;
/** The size of the largest tree. */
export const maxTreeSize = 2n ** 63n - 1n;

/** The complete subtrees that a tree of this size is made of, largest first. */
export function frontierNodes(size: bigint): Span {
  return spanNodes(0n, size);
}

/**
 * What the inclusion proof of a leaf consists of, from its sibling up to the root's child.
 *
 * @throws RangeError unless 0 ≤ index < size.
 */
export function inclusionPath(index: bigint, size: bigint): readonly Span[] {
  if (index < 0n || index >= size) throw new RangeError(`a tree of ${size} has no leaf ${index}`);
  const path: Span[] = [];
  let begin = 0n;
  let end = size;
  while (end - begin > 1n) {
    const middle = begin + largestPowerBelow(end - begin);
    if (index < middle) {
      path.push(spanNodes(middle, end));
      end = middle;
    } else {
      path.push(spanNodes(begin, middle));
      begin = middle;
    }
  }
  return path.reverse();
}

/**
 * What the proof consists of that the tree of one size begins with that of another.
 *
 * @throws RangeError unless 1 ≤ fromSize ≤ toSize.
 */
export function consistencyPath(fromSize: bigint, toSize: bigint): readonly Span[] {
  if (fromSize < 1n || fromSize > toSize) {
    throw new RangeError(`there is no consistency proof from ${fromSize} to ${toSize}`);
  }
  const path: Span[] = [];
  let begin = 0n;
  let end = toSize;
  while (end !== fromSize) {
    const middle = begin + largestPowerBelow(end - begin);
    if (fromSize <= middle) {
      path.push(spanNodes(middle, end));
      end = middle;
    } else {
      path.push(spanNodes(begin, middle));
      begin = middle;
    }
  }
  // The verifier has the earlier root itself if that is a subtree of the later tree.
  if (begin > 0n) path.push(spanNodes(begin, end));
  return path.reverse();
}

/** Why a proof proves nothing. */
export type ProofFault =
  /** A size or an index that no such proof can have. */
  | "out_of_range"
  /** More or fewer hashes than the sizes call for. */
  | "wrong_length"
  /** A hash or a root that is not of 32 bytes. */
  | "malformed_hash"
  /** It leads to another root. */
  | "root_mismatch";

/** A proof that proves nothing. */
export class ProofError extends Error {
  override readonly name = "ProofError";
  readonly fault: ProofFault;

  constructor(fault: ProofFault, message: string) {
    super(message);
    this.fault = fault;
  }
}

/** A leaf's place in a tree and the hashes from its sibling up to the root's child. */
export interface InclusionProof {
  readonly leafIndex: bigint;
  readonly treeSize: bigint;
  readonly hashes: readonly Uint8Array[];
}

/**
 * Checks that a leaf is in the tree with this root.
 *
 * @throws ProofError.
 */
export function verifyInclusion(
  sha256: Sha256,
  leafHash: Uint8Array,
  { leafIndex, treeSize, hashes }: InclusionProof,
  root: Uint8Array,
): void {
  if (treeSize > maxTreeSize || leafIndex < 0n || leafIndex >= treeSize) {
    throw new ProofError("out_of_range", `a tree of ${treeSize} has no leaf ${leafIndex}`);
  }
  requireHashes([leafHash, root, ...hashes]);
  // Below the height at which leaf and last leaf part, siblings lie to either side; above it,
  // only to the left, where the leaf's index has a bit.
  const inner = bitLength(leafIndex ^ (treeSize - 1n));
  const outer = countBits(leafIndex >> BigInt(inner));
  requireLength(hashes, inner + outer);
  const computed = hashes.reduce((hash, sibling, height) => {
    const isRight = height >= inner || ((leafIndex >> BigInt(height)) & 1n) === 1n;
    return isRight ? nodeHash(sha256, sibling, hash) : nodeHash(sha256, hash, sibling);
  }, leafHash);
  requireEqual(computed, root, "the inclusion proof leads to another root");
}

/** Two trees and the hashes between them. */
export interface ConsistencyProof {
  readonly fromSize: bigint;
  readonly toSize: bigint;
  readonly hashes: readonly Uint8Array[];
}

/**
 * Checks that the later tree begins with the earlier one. Every tree begins with the empty one,
 * and with itself; then there must be no hashes.
 *
 * @throws ProofError.
 */
export function verifyConsistency(
  sha256: Sha256,
  { fromSize, toSize, hashes }: ConsistencyProof,
  fromRoot: Uint8Array,
  toRoot: Uint8Array,
): void {
  if (fromSize < 0n || fromSize > toSize || toSize > maxTreeSize) {
    throw new ProofError("out_of_range", `no tree of ${toSize} begins with one of ${fromSize}`);
  }
  requireHashes([fromRoot, toRoot, ...hashes]);
  if (fromSize === 0n || fromSize === toSize) {
    requireLength(hashes, 0);
    const expected = fromSize === toSize ? toRoot : sha256();
    requireEqual(fromRoot, expected, "the earlier root is not that of its size");
    if (toSize === 0n) requireEqual(toRoot, sha256(), "the empty tree has another root");
    return;
  }
  // The largest complete subtree at the earlier tree's right edge is where both paths begin.
  const shift = trailingZeros(fromSize);
  const index = (fromSize - 1n) >> BigInt(shift);
  const inner = bitLength((fromSize - 1n) ^ (toSize - 1n)) - shift;
  const outer = countBits(index >> BigInt(inner));
  const isSubtree = index === 0n;
  requireLength(hashes, inner + outer + (isSubtree ? 0 : 1));
  const [first = fromRoot, ...rest] = isSubtree ? [fromRoot, ...hashes] : hashes;
  let from = first;
  let to = first;
  for (const [height, sibling] of rest.entries()) {
    const isLeft = height >= inner || ((index >> BigInt(height)) & 1n) === 1n;
    if (isLeft) from = nodeHash(sha256, sibling, from);
    to = isLeft ? nodeHash(sha256, sibling, to) : nodeHash(sha256, to, sibling);
  }
  requireEqual(from, fromRoot, "the consistency proof does not lead to the earlier root");
  requireEqual(to, toRoot, "the consistency proof does not lead to the later root");
}

/** Whether two hashes are the same. */
export function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
  for (let at = 0; at < a.length; at++) if (a[at] !== b[at]) return false;
  return a.length === b.length;
}

/** The complete subtrees that cover the leaves from `begin` up to `end`, `begin` being aligned. */
function spanNodes(begin: bigint, end: bigint): Node[] {
  const nodes: Node[] = [];
  for (let at = begin; at < end; ) {
    const height = bitLength(end - at) - 1;
    nodes.push({ height, index: at >> BigInt(height) });
    at += 1n << BigInt(height);
  }
  return nodes;
}

function largestPowerBelow(size: bigint): bigint {
  return 1n << BigInt(bitLength(size - 1n) - 1);
}

function bitLength(value: bigint): number {
  return value === 0n ? 0 : value.toString(2).length;
}

function countBits(value: bigint): number {
  return value.toString(2).replaceAll("0", "").length;
}

function trailingZeros(value: bigint): number {
  return bitLength(value & -value) - 1;
}

function requireHashes(hashes: readonly Uint8Array[]): void {
  if (hashes.some((hash) => hash.length !== 32)) {
    throw new ProofError("malformed_hash", "a hash is not of 32 bytes");
  }
}

function requireLength(hashes: readonly Uint8Array[], length: number): void {
  if (hashes.length !== length) {
    throw new ProofError("wrong_length", `${length} hashes are due, not ${hashes.length}`);
  }
}

function requireEqual(computed: Uint8Array, expected: Uint8Array, message: string): void {
  if (!equalBytes(computed, expected)) throw new ProofError("root_mismatch", message);
}
