import { describe, expect, test } from "vitest";
import { completeRoot, Frontier, nodeHash, type Subtree } from "../../src/log/merkle.ts";
import { sha256 } from "../../src/log/sha256.ts";
import { DefinedTree, definedLeaf } from "./defined-tree.ts";
import { referenceEntries, referenceRoots } from "./reference-tree.ts";

const leaf = (hex: string) => definedLeaf(Buffer.from(hex, "hex"));
const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString("hex");

/** Entries that differ, and the tree of them by its definition. */
const entries = Array.from({ length: 600 }, (_, i) => Buffer.from(`entry ${i}`));
const defined = new DefinedTree(entries);

describe("the frontier of a log's Merkle tree", () => {
  test("has the published roots of the reference tree at each size", () => {
    const frontier = new Frontier(sha256);
    const found = [hex(frontier.root())];
    for (const entry of referenceEntries) {
      frontier.append(definedLeaf(entry));
      found.push(hex(frontier.root()));
    }
    expect(found).toEqual(referenceRoots);
  });

  test("has the root that RFC 6962 defines at every size to 600, also when taken up again", () => {
    let frontier = new Frontier(sha256);
    for (const [i, entry] of entries.entries()) {
      frontier = new Frontier(sha256, frontier.size, frontier.hashes);
      frontier.append(definedLeaf(entry));
      expect(hex(frontier.root())).toBe(hex(defined.hash(0, i + 1)));
    }
    expect(frontier.size).toBe(600n);
  });

  test("tells of each complete subtree once, with its hash", () => {
    const complete: Subtree[] = [];
    const frontier = new Frontier(sha256);
    for (const entry of entries.slice(0, 300)) {
      frontier.append(definedLeaf(entry), (subtree) => complete.push(subtree));
    }
    for (const { height, index, hash } of complete) {
      const from = Number(index) * 2 ** height;
      expect(hex(hash)).toBe(hex(defined.hash(from, from + 2 ** height)));
    }
    const of = (height: number) => complete.filter((subtree) => subtree.height === height);
    expect(of(1).map(({ index }) => index)).toEqual(
      Array.from({ length: 150 }, (_, i) => BigInt(i)),
    );
    expect(of(8).map(({ index }) => index)).toEqual([0n]);
  });

  test("is refused with hashes that are not those of its size", () => {
    expect(() => new Frontier(sha256, 3n, [leaf("")])).toThrow(RangeError);
    expect(() => new Frontier(sha256, -1n, [])).toThrow(RangeError);
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

describe("a complete subtree", () => {
  test("has the root that RFC 6962 defines, and its leaves stay as they were", () => {
    for (let count = 1; count <= 512; count *= 2) {
      const leaves = Buffer.concat(entries.slice(0, count).map(definedLeaf));
      const before = hex(leaves);
      expect(hex(completeRoot(sha256, leaves))).toBe(hex(defined.hash(0, count)));
      expect(hex(leaves)).toBe(before);
    }
  });
});

test("a node of anything but two hashes is refused, and none is hashed with what was left of another", () => {
  const [whole, short] = [leaf("00"), leaf("01").subarray(1)];
  expect(() => nodeHash(sha256, whole, short)).toThrow(RangeError);
  expect(() => nodeHash(sha256, Buffer.alloc(33), whole)).toThrow(RangeError);
});
