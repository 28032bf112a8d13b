import { randomBytes } from "node:crypto";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  consistencyPath,
  equalBytes,
  frontierNodes,
  maxProofHashes,
  maxTreeSize,
  type ProofFault,
} from "../../src/log/proof.ts";
import { DefinedTree, definedConsistencySteps } from "./defined-tree.ts";
import { consistencyFault, otherLists, withOneByteWrong } from "./forged-proof.ts";
import {
  coverage,
  covered,
  differs,
  hashesOf,
  hashOf,
  maxSize,
  tree,
  turnsOf,
} from "./held-tree.ts";
import { referenceConsistencyProofs, referenceEntries, referenceRoots } from "./reference-tree.ts";
import {
  arbitraryConsistency,
  arbitrarySizes,
  type Consistency,
  syntheticConsistency,
} from "./synthetic-proof.ts";

const unhex = (hex: string | undefined) => Buffer.from(hex ?? "", "hex");

describe("a consistency proof", () => {
  test.each(referenceConsistencyProofs)(
    "is as published from $fromSize to $toSize of the reference tree",
    ({ fromSize, toSize, hashes }) => {
      const reference = new DefinedTree(referenceEntries);
      expect(reference.proof(fromSize, toSize).map((hash) => hash.toString("hex"))).toEqual(hashes);
      const published = {
        fromSize: BigInt(fromSize),
        toSize: BigInt(toSize),
        hashes: hashes.map(unhex),
        fromRoot: unhex(referenceRoots[fromSize]),
        toRoot: unhex(referenceRoots[toSize]),
      };
      expect(consistencyFault(published)).toBeUndefined();
    },
  );

  test("is RFC 6962's for every pair of sizes to 600, and passes", () => {
    const wrong: string[] = [];
    for (let to = 1; to <= maxSize; to++) {
      const toRoot = tree.hash(0, to);
      for (let from = 1; from <= to; from++) {
        const hashes = hashesOf(consistencyPath(BigInt(from), BigInt(to)));
        const sizes = { fromSize: BigInt(from), toSize: BigInt(to) };
        const proof = { ...sizes, hashes, fromRoot: tree.hash(0, from), toRoot };
        if (differs(hashes, tree.proof(from, to))) wrong.push(`PROOF(${from}, ${to})`);
        if (consistencyFault(proof) !== undefined) wrong.push(`refused: ${from} to ${to}`);
      }
      if (!equalBytes(hashOf(frontierNodes(BigInt(to))), toRoot)) wrong.push(`MTH(${to})`);
    }
    expect(wrong).toEqual([]);
  }, 120_000);

  test("is made of complete subtrees that cover what the definition says, at any size", () => {
    fc.assert(
      fc.property(arbitrarySizes, ({ low, high }) => {
        const { base, isWhole, steps } = definedConsistencySteps(low, high);
        const path = consistencyPath(low, high);
        const due = steps.map(covered);
        expect(path.map(coverage)).toEqual(isWhole ? due : [covered(base), ...due]);
      }),
      { numRuns: 1_000 },
    );
  });

  test("passes at any size up to 2^63 - 1", () => {
    fc.assert(
      fc.property(arbitrarySizes, ({ low, high }) => {
        expect(consistencyFault(syntheticConsistency(low, high))).toBeUndefined();
      }),
      { numRuns: 1_000 },
    );
    for (const from of [1n, 2n ** 53n - 1n, 2n ** 53n, 2n ** 53n + 1n, maxTreeSize]) {
      expect(consistencyFault(syntheticConsistency(from, maxTreeSize))).toBeUndefined();
    }
    expect(consistencyPath(2n ** 62n + 1n, maxTreeSize)).toHaveLength(maxProofHashes);
  });

  test("fails if any byte of either root or of the hashes is another", () => {
    fc.assert(
      fc.property(arbitraryConsistency, ({ fromRoot, toRoot, hashes, ...sizes }) => {
        for (const [from, to, ...rest] of withOneByteWrong([fromRoot, toRoot, ...hashes])) {
          if (!from || !to) throw new Error("no roots");
          const changed = { ...sizes, hashes: rest, fromRoot: from, toRoot: to };
          if (consistencyFault(changed) !== "root_mismatch") return false;
        }
        return true;
      }),
      { numRuns: 10 },
    );
  });

  test("fails with hashes added, left out, exchanged or reversed", () => {
    fc.assert(
      fc.property(arbitraryConsistency, (proof) => {
        for (const hashes of otherLists(proof.hashes)) {
          const due = hashes.length === proof.hashes.length ? "root_mismatch" : "wrong_length";
          expect(consistencyFault({ ...proof, hashes })).toBe(due);
        }
      }),
      { numRuns: 100 },
    );
  });

  test("fails with the roots exchanged, at any sizes", () => {
    fc.assert(
      fc.property(arbitraryConsistency, ({ fromRoot, toRoot, ...proof }) => {
        const exchanged = { ...proof, fromRoot: toRoot, toRoot: fromRoot };
        expect(consistencyFault(exchanged)).toBe("root_mismatch");
      }),
      { numRuns: 200 },
    );
  });

  test.each<[string, ProofFault, Partial<Consistency>]>([
    ["a later size first", "out_of_range", { fromSize: 8n, toSize: 6n }],
    ["a negative size", "out_of_range", { fromSize: -6n }],
    ["two negative sizes", "out_of_range", { fromSize: -6n, toSize: -6n }],
    ["a size of 2^63", "out_of_range", { toSize: 2n ** 63n }],
    ["two sizes of 2^63", "out_of_range", { fromSize: 2n ** 63n, toSize: 2n ** 63n }],
    ["no hashes", "wrong_length", { hashes: [] }],
    ["hashes from the empty tree on", "wrong_length", { fromSize: 0n }],
    ["hashes between equal sizes", "wrong_length", { fromSize: 8n }],
    ["an earlier root of 31 bytes", "malformed_hash", { fromRoot: randomBytes(31) }],
    ["a later root of 33 bytes", "malformed_hash", { toRoot: randomBytes(33) }],
    ["an empty earlier root", "malformed_hash", { fromRoot: randomBytes(0) }],
    ["another earlier root", "root_mismatch", { fromRoot: randomBytes(32) }],
    ["another later root", "root_mismatch", { toRoot: randomBytes(32) }],
    ["another earlier size of as many hashes", "root_mismatch", { fromSize: 2n, toSize: 15n }],
  ])("is refused with %s: %s", (_, expected, change) => {
    expect(consistencyFault({ ...syntheticConsistency(6n, 8n), ...change })).toBe(expected);
  });

  test.each([0, 31, 33, 64])("is refused with a hash of %i bytes anywhere in it", (length) => {
    const proof = syntheticConsistency(6n, 8n);
    for (let at = 0; at < proof.hashes.length; at++) {
      const hashes = proof.hashes.with(at, randomBytes(length));
      expect(consistencyFault({ ...proof, hashes })).toBe("malformed_hash");
    }
  });

  test("from the empty tree needs the empty tree's root, and from a tree to itself that root", () => {
    const empty = unhex(referenceRoots[0]);
    const root = randomBytes(32);
    const check = (fromSize: bigint, toSize: bigint, fromRoot: Buffer, toRoot: Buffer) =>
      consistencyFault({ fromSize, toSize, hashes: [], fromRoot, toRoot });
    expect(check(0n, 0n, empty, empty)).toBeUndefined();
    expect(check(0n, 9n, empty, root)).toBeUndefined();
    expect(check(9n, 9n, root, root)).toBeUndefined();
    expect(check(0n, 0n, root, root)).toBe("root_mismatch");
    expect(check(0n, 0n, empty, root)).toBe("root_mismatch");
    expect(check(0n, 9n, root, root)).toBe("root_mismatch");
    expect(check(9n, 9n, empty, root)).toBe("root_mismatch");
    expect(check(9n, 9n, root, empty)).toBe("root_mismatch");
  });

  /** As with inclusion: sizes are not in the roots, so what binds them is the signature. */
  test("under other sizes passes only if the path turns the same way", () => {
    const pairs: { fromSize: bigint; toSize: bigint; turns: string }[] = [];
    for (let toSize = 1n; toSize <= 24n; toSize++) {
      for (let fromSize = 1n; fromSize <= toSize; fromSize++) {
        const { isWhole, steps } = definedConsistencySteps(fromSize, toSize);
        pairs.push({ fromSize, toSize, turns: `${isWhole} ${turnsOf(steps)}` });
      }
    }
    const wrong: string[] = [];
    let elsewhere = 0;
    for (const { fromSize, toSize, turns } of pairs) {
      const proof = syntheticConsistency(fromSize, toSize);
      for (const other of pairs) {
        const { turns: otherTurns, ...sizes } = other;
        const passes = consistencyFault({ ...proof, ...sizes }) === undefined;
        if (passes !== (otherTurns === turns)) wrong.push(`${fromSize}/${toSize}`);
        const isItself = other.fromSize === fromSize && other.toSize === toSize;
        if (passes && !isItself) elsewhere++;
        // Of two signed sizes, one cannot be stated as another.
        if (passes && !isItself && other.toSize === toSize && fromSize !== toSize) {
          wrong.push(`two sizes before ${toSize}: ${fromSize} and ${other.fromSize}`);
        }
      }
    }
    expect(wrong).toEqual([]);
    expect(elsewhere).toBeGreaterThan(0);
  });

  test("that cannot exist cannot be asked for", () => {
    for (const [from, to] of [
      [0n, 0n],
      [0n, 8n],
      [-1n, 8n],
      [9n, 8n],
    ] as const) {
      expect(() => consistencyPath(from, to)).toThrow(RangeError);
    }
  });
});
