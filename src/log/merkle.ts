/**
 * The Merkle tree of a log, by RFC 6962: SHA-256, `0x00` before a leaf, `0x01` before a node.
 * Pure: hashing is given, so that the server and a browser's verifier share the arithmetic.
 * Sizes and indexes are BigInt, since they may exceed 2^53.
 */

/** SHA-256 of the parts, one after another. */
export type Sha256 = (...parts: readonly Uint8Array[]) => Uint8Array;

const hashBytes = 32;

/** What is hashed for a node: the prefix and its children. Used again, for speed. */
const node = new Uint8Array(1 + 2 * hashBytes);
node[0] = 1;

/**
 * The hash of an inner node.
 *
 * @throws RangeError unless both children are 32 bytes.
 */
export function nodeHash(sha256: Sha256, left: Uint8Array, right: Uint8Array): Uint8Array {
  if (left.length !== hashBytes || right.length !== hashBytes) {
    throw new RangeError(
      `a node's children are of 32 bytes, not ${left.length} and ${right.length}`,
    );
  }
  node.set(left, 1);
  node.set(right, 1 + hashBytes);
  return sha256(node);
}

/**
 * The root of a complete subtree, from the hashes of its 2^n leaves, one after another. Level by
 * level in one array: what a recursion leaves to collect takes longer than the hashing.
 */
export function completeRoot(sha256: Sha256, leaves: Uint8Array): Uint8Array {
  // Not slice(), which for a Buffer is no copy.
  const level = new Uint8Array(leaves);
  for (let width = level.length / 2; width >= hashBytes; width /= 2) {
    for (let at = 0; at < width; at += hashBytes) {
      for (let i = 0; i < 2 * hashBytes; i++) node[1 + i] = level[2 * at + i] as number;
      level.set(sha256(node), at);
    }
  }
  return level.subarray(0, hashBytes);
}

/** The hash of complete subtrees side by side, largest first; of none, that of the empty tree. */
export function foldHashes(sha256: Sha256, hashes: readonly Uint8Array[]): Uint8Array {
  const root = hashes.reduceRight<Uint8Array | undefined>(
    (right, left) => (right === undefined ? left : nodeHash(sha256, left, right)),
    undefined,
  );
  return root ?? sha256();
}

/** A complete subtree of 2^height leaves, the index-th of its height from the left. */
export interface Subtree {
  readonly height: number;
  readonly index: bigint;
  readonly hash: Uint8Array;
}

/**
 * The right edge of a tree: the hashes of the complete subtrees it is made of, largest first,
 * one for each bit set in its size. It is all that appending and the root need.
 */
export class Frontier {
  readonly #sha256: Sha256;
  readonly #hashes: Uint8Array[];
  #size: bigint;

  /** @throws RangeError if the number of hashes is not that of a tree of this size. */
  constructor(sha256: Sha256, size = 0n, hashes: readonly Uint8Array[] = []) {
    if (size < 0n || hashes.length !== countBits(size)) {
      throw new RangeError(`a tree of size ${size} has no frontier of ${hashes.length} hashes`);
    }
    this.#sha256 = sha256;
    this.#size = size;
    this.#hashes = [...hashes];
  }

  /** Leaves in the tree. */
  get size(): bigint {
    return this.#size;
  }

  /** The hashes, largest subtree first. */
  get hashes(): readonly Uint8Array[] {
    return this.#hashes;
  }

  /** Appends a leaf and tells of each subtree of two leaves or more that it completes. */
  append(leaf: Uint8Array, onComplete?: (subtree: Subtree) => void): void {
    let hash = leaf;
    let index = this.#size;
    for (let height = 1; (index & 1n) === 1n; height++) {
      const left = this.#hashes.pop();
      if (left === undefined) throw new RangeError("the frontier is too short");
      hash = nodeHash(this.#sha256, left, hash);
      index >>= 1n;
      onComplete?.({ height, index, hash });
    }
    this.#hashes.push(hash);
    this.#size += 1n;
  }

  /** The root hash; of an empty tree, SHA-256 of nothing. */
  root(): Uint8Array {
    return foldHashes(this.#sha256, this.#hashes);
  }
}

function countBits(size: bigint): number {
  let bits = 0;
  for (let rest = size; rest > 0n; rest >>= 1n) bits += Number(rest & 1n);
  return bits;
}
