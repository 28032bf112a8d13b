import { randomBytes } from "node:crypto";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  equalBytes,
  frontierNodes,
  inclusionPath,
  maxProofHashes,
  maxTreeSize,
  type ProofFault,
  verifyInclusion,
} from "../../src/log/proof.ts";
import { sha256 } from "../../src/log/sha256.ts";
import { DefinedTree, definedInclusionSteps } from "./defined-tree.ts";
import { inclusionFault, otherLists, withOneByteWrong } from "./forged-proof.ts";
import { coverage, covered, differs, hashesOf, maxSize, tree, turnsOf } from "./held-tree.ts";
import { referenceEntries, referenceInclusionProofs, referenceRoots } from "./reference-tree.ts";
import {
  arbitraryInclusion,
  arbitrarySizes,
  type Inclusion,
  syntheticInclusion,
} from "./synthetic-proof.ts";

const unhex = (hex: string | undefined) => Buffer.from(hex ?? "", "hex");

describe("an inclusion proof", () => {
  test.each(referenceInclusionProofs)(
    "is as published for leaf $leafIndex of $treeSize of the reference tree",
    ({ leafIndex, treeSize, hashes }) => {
      const reference = new DefinedTree(referenceEntries);
      expect(reference.path(leafIndex, treeSize).map((hash) => hash.toString("hex"))).toEqual(
        hashes,
      );
      const published = {
        leafIndex: BigInt(leafIndex),
        treeSize: BigInt(treeSize),
        hashes: hashes.map(unhex),
        leaf: reference.hash(leafIndex, leafIndex + 1),
        root: unhex(referenceRoots[treeSize]),
      };
      expect(inclusionFault(published)).toBeUndefined();
    },
  );

  test("is RFC 6962's for every leaf at every size to 600, and passes", () => {
    const wrong: string[] = [];
    for (let size = 1; size <= maxSize; size++) {
      const root = tree.hash(0, size);
      for (let index = 0; index < size; index++) {
        const hashes = hashesOf(inclusionPath(BigInt(index), BigInt(size)));
        const leaf = tree.hash(index, index + 1);
        const proof = { leafIndex: BigInt(index), treeSize: BigInt(size), hashes, leaf, root };
        if (differs(hashes, tree.path(index, size))) wrong.push(`PATH(${index}, ${size})`);
        if (inclusionFault(proof) !== undefined) wrong.push(`refused: ${index} of ${size}`);
      }
    }
    expect(wrong).toEqual([]);
  }, 120_000);

  test("is made of complete subtrees that cover what the definition says, at any size", () => {
    fc.assert(
      fc.property(arbitrarySizes, ({ low, high }) => {
        const path = inclusionPath(low - 1n, high);
        expect(path.map(coverage)).toEqual(definedInclusionSteps(low - 1n, high).map(covered));
        expect(path.length).toBeLessThanOrEqual(maxProofHashes);
        expect(coverage(frontierNodes(high))).toEqual({ begin: 0n, end: high });
      }),
      { numRuns: 1_000 },
    );
  });

  test("passes at any size up to 2^63 - 1", () => {
    fc.assert(
      fc.property(arbitraryInclusion, (proof) => {
        expect(inclusionFault(proof)).toBeUndefined();
      }),
      { numRuns: 1_000 },
    );
    for (const size of [2n ** 53n, 2n ** 53n + 1n, 2n ** 53n + 2n, maxTreeSize]) {
      for (const index of [0n, 2n ** 53n - 1n, size - 1n]) {
        expect(inclusionFault(syntheticInclusion(index, size))).toBeUndefined();
      }
    }
  });

  test("fails if any byte of leaf, root or hashes is another", () => {
    fc.assert(
      fc.property(arbitraryInclusion, ({ leaf, root, hashes, ...place }) => {
        for (const [l, r, ...rest] of withOneByteWrong([leaf, root, ...hashes])) {
          if (!l || !r) throw new Error("neither leaf nor root");
          const changed = { ...place, hashes: rest, leaf: l, root: r };
          if (inclusionFault(changed) !== "root_mismatch") return false;
        }
        return true;
      }),
      { numRuns: 10 },
    );
  });

  test("fails with hashes added, left out, exchanged or reversed", () => {
    fc.assert(
      fc.property(arbitraryInclusion, (proof) => {
        for (const hashes of otherLists(proof.hashes)) {
          const due = hashes.length === proof.hashes.length ? "root_mismatch" : "wrong_length";
          expect(inclusionFault({ ...proof, hashes })).toBe(due);
        }
      }),
      { numRuns: 100 },
    );
    const proof = syntheticInclusion(5n, 8n);
    const hashes = new Array<Uint8Array>(1_000_000).fill(randomBytes(32));
    expect(inclusionFault({ ...proof, hashes })).toBe("wrong_length");
  });

  test.each<[string, ProofFault, Partial<Inclusion>]>([
    ["an index before the first", "out_of_range", { leafIndex: -1n }],
    ["an index equal to the size", "out_of_range", { leafIndex: 8n }],
    ["an index beyond the size", "out_of_range", { leafIndex: 2n ** 70n }],
    ["an empty tree", "out_of_range", { leafIndex: 0n, treeSize: 0n }],
    ["a negative size", "out_of_range", { treeSize: -8n }],
    ["a negative size and index", "out_of_range", { leafIndex: -9n, treeSize: -8n }],
    ["a size of 2^63", "out_of_range", { treeSize: 2n ** 63n }],
    ["a size of 2^64", "out_of_range", { treeSize: 2n ** 64n }],
    ["no hashes", "wrong_length", { hashes: [] }],
    ["a leaf hash of 31 bytes", "malformed_hash", { leaf: randomBytes(31) }],
    ["a leaf hash of 33 bytes", "malformed_hash", { leaf: randomBytes(33) }],
    ["an empty leaf hash", "malformed_hash", { leaf: randomBytes(0) }],
    ["a root of 31 bytes", "malformed_hash", { root: randomBytes(31) }],
    ["a root of 33 bytes", "malformed_hash", { root: randomBytes(33) }],
    ["another root", "root_mismatch", { root: randomBytes(32) }],
    ["another leaf", "root_mismatch", { leaf: randomBytes(32) }],
    ["the empty tree's root", "root_mismatch", { root: unhex(referenceRoots[0]) }],
    ["another leaf's index", "root_mismatch", { leafIndex: 4n }],
  ])("is refused with %s: %s", (_, expected, change) => {
    expect(inclusionFault({ ...syntheticInclusion(5n, 8n), ...change })).toBe(expected);
  });

  test.each([0, 31, 33, 64])("is refused with a hash of %i bytes anywhere in it", (length) => {
    const proof = syntheticInclusion(5n, 8n);
    for (let at = 0; at < proof.hashes.length; at++) {
      const hashes = proof.hashes.with(at, randomBytes(length));
      expect(inclusionFault({ ...proof, hashes })).toBe("malformed_hash");
    }
  });

  test("with its hashes cut elsewhere, two short ones for a long one, is refused", () => {
    const proof = syntheticInclusion(5n, 8n);
    const all = Buffer.concat(proof.hashes);
    const hashes = [all.subarray(0, 16), all.subarray(16, 64), all.subarray(64)];
    expect(inclusionFault({ ...proof, hashes })).toBe("malformed_hash");
  });

  /**
   * What index and size say to a verifier is the path's turns, and a tree's size is not in its
   * root. So the proof of a leaf passes under another index and size whose path has the same
   * turns. In a tree of one size no two leaves have the same path; and since a checkpoint signs
   * size and root together, nobody can state another size.
   */
  test("under another index and size passes only if the path turns the same way", () => {
    const places: { leafIndex: bigint; treeSize: bigint; turns: string }[] = [];
    for (let treeSize = 1n; treeSize <= 25n; treeSize++) {
      for (let leafIndex = 0n; leafIndex < treeSize; leafIndex++) {
        const turns = turnsOf(definedInclusionSteps(leafIndex, treeSize));
        places.push({ leafIndex, treeSize, turns });
      }
    }
    const wrong: string[] = [];
    let elsewhere = 0;
    for (const { leafIndex, treeSize, turns } of places) {
      const proof = syntheticInclusion(leafIndex, treeSize);
      for (const other of places) {
        const passes =
          inclusionFault({
            ...proof,
            leafIndex: other.leafIndex,
            treeSize: other.treeSize,
          }) === undefined;
        const isItself = other.leafIndex === leafIndex && other.treeSize === treeSize;
        if (passes !== (other.turns === turns)) wrong.push(`${leafIndex}/${treeSize}`);
        if (passes && !isItself) elsewhere++;
        if (passes && !isItself && other.treeSize === treeSize) {
          wrong.push(`two leaves of ${treeSize}: ${leafIndex} and ${other.leafIndex}`);
        }
      }
    }
    expect(wrong).toEqual([]);
    expect(elsewhere).toBeGreaterThan(0);
    // For instance: the last leaf of 3 and of 5, and the first of 3 and of 4.
    const last = syntheticInclusion(2n, 3n);
    expect(inclusionFault({ ...last, leafIndex: 4n, treeSize: 5n })).toBeUndefined();
    const first = syntheticInclusion(0n, 3n);
    expect(inclusionFault({ ...first, treeSize: 4n })).toBeUndefined();
  });

  test("under another index of the same tree is refused at any size", () => {
    fc.assert(
      fc.property(arbitraryInclusion, fc.bigInt({ min: 1n, max: maxTreeSize }), (proof, by) => {
        fc.pre(proof.treeSize > 1n);
        const leafIndex = (proof.leafIndex + 1n + (by % (proof.treeSize - 1n))) % proof.treeSize;
        expect(inclusionFault({ ...proof, leafIndex })).toBeDefined();
      }),
      { numRuns: 1_000 },
    );
  });

  test("of a leaf that the tree does not have cannot be asked for", () => {
    for (const [index, size] of [
      [0n, 0n],
      [-1n, 8n],
      [8n, 8n],
      [2n ** 63n, 2n ** 63n - 1n],
    ] as const) {
      expect(() => inclusionPath(index, size)).toThrow(RangeError);
    }
  });
});

test("two hashes are the same only if all bytes and their number are", () => {
  const hash = randomBytes(32);
  expect(equalBytes(hash, Uint8Array.from(hash))).toBe(true);
  expect(equalBytes(Buffer.of(), Buffer.of())).toBe(true);
  for (const [other] of withOneByteWrong([hash]))
    expect(equalBytes(hash, other ?? hash)).toBe(false);
  for (let length = 0; length < 32; length++) {
    expect(equalBytes(hash, hash.subarray(0, length))).toBe(false);
    expect(equalBytes(hash.subarray(0, length), hash)).toBe(false);
  }
});

test("a proof error tells what is wrong without a hash in it", () => {
  const proof = syntheticInclusion(5n, 8n);
  expect(() => verifyInclusion(sha256, proof.leaf, proof, randomBytes(32))).toThrow(
    expect.objectContaining({
      name: "ProofError",
      fault: "root_mismatch",
      message: "the inclusion proof leads to another root",
    }),
  );
});
