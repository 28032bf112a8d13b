import { createHash } from "node:crypto";
import { describe, expect, test } from "vitest";
import { Frontier, nodeHash, type Sha256, type Subtree } from "../../src/log/merkle.ts";

const sha256: Sha256 = (...parts) => {
  const hash = createHash("sha256");
  for (const part of parts) hash.update(part);
  return hash.digest();
};

/** The inputs and roots of certificate transparency's reference tree, for each of its sizes. */
const inputs = [
  "",
  "00",
  "10",
  "2021",
  "3031",
  "40414243",
  "5051525354555657",
  "606162636465666768696a6b6c6d6e6f",
];
const roots = [
  "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
  "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
  "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
  "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
  "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
  "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
  "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
  "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
  "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
];

const leaf = (hex: string) => sha256(Uint8Array.of(0), Buffer.from(hex, "hex"));
const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString("hex");

/** RFC 6962's definition of the Merkle tree hash, word for word, over leaf hashes. */
function definedRoot(leaves: readonly Uint8Array[]): Uint8Array {
  const [first] = leaves;
  if (first === undefined) return sha256();
  if (leaves.length === 1) return first;
  let split = 1;
  while (split * 2 < leaves.length) split *= 2;
  return nodeHash(sha256, definedRoot(leaves.slice(0, split)), definedRoot(leaves.slice(split)));
}

describe("the frontier of a log's Merkle tree", () => {
  test("has the published roots of the reference tree at each size", () => {
    const frontier = new Frontier(sha256);
    const found = [hex(frontier.root())];
    for (const input of inputs) {
      frontier.append(leaf(input));
      found.push(hex(frontier.root()));
    }
    expect(found).toEqual(roots);
  });

  test("has the root that RFC 6962 defines at every size to 600, also when taken up again", () => {
    const leaves = Array.from({ length: 600 }, (_, i) => leaf(i.toString(16).padStart(4, "0")));
    let frontier = new Frontier(sha256);
    for (const [i, next] of leaves.entries()) {
      frontier = new Frontier(sha256, frontier.size, frontier.hashes);
      frontier.append(next);
      expect(hex(frontier.root())).toBe(hex(definedRoot(leaves.slice(0, i + 1))));
    }
    expect(frontier.size).toBe(600n);
  });

  test("tells of each complete subtree once, with its hash", () => {
    const leaves = Array.from({ length: 300 }, (_, i) => leaf(i.toString(16).padStart(4, "0")));
    const complete: Subtree[] = [];
    const frontier = new Frontier(sha256);
    for (const next of leaves) frontier.append(next, (subtree) => complete.push(subtree));
    for (const { height, index, hash } of complete) {
      const from = Number(index) * 2 ** height;
      expect(hex(hash)).toBe(hex(definedRoot(leaves.slice(from, from + 2 ** height))));
    }
    const of = (height: number) => complete.filter((subtree) => subtree.height === height);
    expect(of(1).map(({ index }) => index)).toEqual(
      Array.from({ length: 150 }, (_, i) => BigInt(i)),
    );
    expect(of(8).map(({ index }) => index)).toEqual([0n]);
  });

  test("is refused with hashes that are not those of its size", () => {
    expect(() => new Frontier(sha256, 3n, [leaf("")])).toThrow(RangeError);
    expect(() => new Frontier(sha256, 2n ** 60n, [leaf("")])).not.toThrow();
  });

  test("counts beyond 2^53", () => {
    const size = 2n ** 60n + 1n;
    const frontier = new Frontier(sha256, size, [leaf("00"), leaf("01")]);
    const complete: Subtree[] = [];
    frontier.append(leaf("02"), (subtree) => complete.push(subtree));
    expect(frontier.size).toBe(size + 1n);
    expect(complete.map(({ height, index }) => [height, index])).toEqual([[1, 2n ** 59n]]);
  });
});
