/**
 * The Merkle tree of a log, by RFC 6962: SHA-256, `0x00` before a leaf, `0x01` before a node.
 * Pure: hashing is given, so that the server and a browser's verifier share the arithmetic.
 * Sizes and indexes are BigInt, since they may exceed 2^53.
 */

/** SHA-256 of the parts, one after another. */
export type Sha256 = (...parts: readonly Uint8Array[]) => Uint8Array;

const nodePrefix = Uint8Array.of(1);

/** The hash of an inner node. */
export function nodeHash(sha256: Sha256, left: Uint8Array, right: Uint8Array): Uint8Array {
  return sha256(nodePrefix, left, right);
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
