import { expect, test } from "vitest";
import { proofPath } from "../../src/dashboard/proof/proof-path.ts";
import { sha256 } from "../../src/dashboard/proof/sha256.ts";
import { Frontier, foldHashes, nodeHash } from "../../src/log/merkle.ts";
import { inclusionPath } from "../../src/log/proof.ts";

const leaves = Array.from({ length: 21 }, (_, i) => sha256(Uint8Array.of(i)));

/** The hash of a complete subtree, the plain way. */
function subtree(height: number, index: bigint): Uint8Array {
  if (height === 0) return leaves[Number(index)] as Uint8Array;
  const [left, right] = [index * 2n, index * 2n + 1n].map((child) => subtree(height - 1, child));
  return nodeHash(sha256, left as Uint8Array, right as Uint8Array);
}

test("of every entry of every small log, the path ends at the log's root", () => {
  const tree = new Frontier(sha256);
  for (const [last, leaf] of leaves.entries()) {
    tree.append(leaf);
    const treeSize = BigInt(last + 1);
    for (let leafIndex = 0n; leafIndex < treeSize; leafIndex++) {
      const hashes = inclusionPath(leafIndex, treeSize).map((span) =>
        foldHashes(
          sha256,
          span.map(({ height, index }) => subtree(height, index)),
        ),
      );
      const own = leaves[Number(leafIndex)] as Uint8Array;
      const path = proofPath(own, { leafIndex, treeSize, hashes });
      expect(path?.at(-1)?.result ?? own).toEqual(tree.root());
      // The neighbours are all the other entries, each once.
      const others = path?.map(({ first, last: to }) => to - first + 1n) ?? [];
      expect(others.reduce((sum, count) => sum + count, 0n)).toBe(treeSize - 1n);
      for (const { side, first, last: to } of path ?? []) {
        expect(side).toBe(to <= leafIndex ? "left" : "right");
        expect(first <= leafIndex + 1n && leafIndex + 1n <= to).toBe(false);
      }
    }
  }
});

test("a proof that cannot be of its place has no path", () => {
  const [leaf, other] = leaves as [Uint8Array, Uint8Array];
  const proof = { leafIndex: 0n, treeSize: 2n, hashes: [other] };
  expect(proofPath(leaf, proof)).toHaveLength(1);
  expect(proofPath(leaf, { ...proof, hashes: [] })).toBeUndefined();
  expect(proofPath(leaf, { ...proof, hashes: [other, other] })).toBeUndefined();
  expect(proofPath(leaf, { ...proof, hashes: [other.subarray(1)] })).toBeUndefined();
  expect(proofPath(leaf, { ...proof, leafIndex: 2n })).toBeUndefined();
});
