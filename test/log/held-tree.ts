import { expect } from "vitest";
import { Frontier, foldHashes } from "../../src/log/merkle.ts";
import type { Span } from "../../src/log/proof.ts";
import { sha256 } from "../../src/log/sha256.ts";
import { DefinedTree, type Range, type Step } from "./defined-tree.ts";

/** A tree by its definition, and proofs of it made of complete subtrees, as a server makes them. */

/** Its size. */
export const maxSize = 600;
/** By its definition. */
export const tree = new DefinedTree(
  Array.from({ length: maxSize }, (_, i) => Buffer.from(`entry ${i}`)),
);

/** The hashes of its complete subtrees, as appending makes them. */
const subtrees = new Map<string, Uint8Array>();
const frontier = new Frontier(sha256);
for (let i = 0; i < maxSize; i++) {
  const leaf = tree.hash(i, i + 1);
  subtrees.set(`0/${i}`, leaf);
  frontier.append(leaf, ({ height, index, hash }) => subtrees.set(`${height}/${index}`, hash));
}

/** What a server that has the complete subtrees' hashes makes of a path. */
export function hashesOf(path: readonly Span[]): Uint8Array[] {
  return path.map(hashOf);
}

const folded = new Map<string, Uint8Array>();

/** The hash of complete subtrees side by side. */
export function hashOf(span: Span): Uint8Array {
  const names = span.map(({ height, index }) => `${height}/${index}`);
  const key = names.join();
  let hash = folded.get(key);
  if (hash === undefined) {
    hash = foldHashes(sha256, names.map(subtree));
    folded.set(key, hash);
  }
  return hash;
}

function subtree(name: string): Uint8Array {
  const hash = subtrees.get(name);
  if (hash === undefined) throw new Error(`no complete subtree ${name}`);
  return hash;
}

/** Whether two proofs are not the same. */
export const differs = (a: readonly Uint8Array[], b: readonly Uint8Array[]) =>
  a.length !== b.length || a.some((hash, i) => Buffer.compare(hash, b[i] ?? Buffer.of()) !== 0);

/** The leaves that complete subtrees side by side cover; fails if they are not side by side. */
export function coverage(span: Span): Range {
  const ranges = span.map(({ height, index }) => ({
    begin: index << BigInt(height),
    end: (index + 1n) << BigInt(height),
  }));
  for (const [i, { begin }] of ranges.entries()) {
    if (i > 0) expect(begin).toBe(ranges[i - 1]?.end);
  }
  return { begin: ranges[0]?.begin ?? 0n, end: ranges.at(-1)?.end ?? 0n };
}

/** The leaves that a step covers, without its side. */
export const covered = ({ begin, end }: Range) => ({ begin, end });

/** The turns of a path, from the leaf up. */
export function turnsOf(steps: readonly Step[]): string {
  return steps.map(({ side }) => side).join(" ");
}
