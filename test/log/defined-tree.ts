import { hash } from "node:crypto";

/**
 * RFC 6962, section 2.1, as it is defined there: recursively, from the entries. What our own
 * arithmetic is held to; it shares no code with it.
 */

/** A leaf's hash: SHA-256 of a zero byte and the entry. */
export function definedLeaf(entry: Uint8Array): Buffer {
  return hash("sha256", Buffer.concat([Buffer.of(0), entry]), "buffer");
}

/** A node's hash: SHA-256 of a one byte and its two children. */
export function definedNode(left: Uint8Array, right: Uint8Array): Buffer {
  return hash("sha256", Buffer.concat([Buffer.of(1), left, right]), "buffer");
}

/** k of the definitions: the largest power of two below n, which is above 1. */
function split(n: bigint): bigint {
  let k = 1n;
  while (k * 2n < n) k *= 2n;
  return k;
}

/** A tree small enough to be held whole, by its definition. */
export class DefinedTree {
  readonly #leaves: readonly Buffer[];
  readonly #known = new Map<number, Buffer>();

  constructor(entries: readonly Uint8Array[]) {
    this.#leaves = entries.map(definedLeaf);
  }

  /** MTH(D[from:to]), each subtree computed once. */
  hash(from: number, to: number): Buffer {
    if (from === to) return hash("sha256", "", "buffer");
    const leaf = this.#leaves[from];
    if (leaf !== undefined && to - from === 1) return leaf;
    const key = from * (this.#leaves.length + 1) + to;
    const known = this.#known.get(key);
    if (known !== undefined) return known;
    const middle = from + Number(split(BigInt(to - from)));
    const computed = definedNode(this.hash(from, middle), this.hash(middle, to));
    this.#known.set(key, computed);
    return computed;
  }

  /** PATH(m, D[n]), of the subtree that begins at `from`. */
  path(m: number, n: number, from = 0): Buffer[] {
    if (n === 1) return [];
    const k = Number(split(BigInt(n)));
    return m < k
      ? [...this.path(m, k, from), this.hash(from + k, from + n)]
      : [...this.path(m - k, n - k, from + k), this.hash(from, from + k)];
  }

  /** PROOF(m, D[n]). */
  proof(m: number, n: number): Buffer[] {
    return this.#subproof(m, n, true, 0);
  }

  #subproof(m: number, n: number, isWhole: boolean, from: number): Buffer[] {
    if (m === n) return isWhole ? [] : [this.hash(from, from + m)];
    const k = Number(split(BigInt(n)));
    return m <= k
      ? [...this.#subproof(m, k, isWhole, from), this.hash(from + k, from + n)]
      : [...this.#subproof(m - k, n - k, false, from + k), this.hash(from, from + k)];
  }
}

/** Leaves from `begin` up to `end`. */
export interface Range {
  readonly begin: bigint;
  readonly end: bigint;
}

/** A step of a path, from the leaf up: whether its hash is left or right, and what it covers. */
export interface Step extends Range {
  readonly side: "left" | "right";
}

/** The steps of PATH(m, D[n]), at any size: where each hash stands and the leaves it covers. */
export function definedInclusionSteps(m: bigint, n: bigint, from = 0n): Step[] {
  if (n === 1n) return [];
  const k = split(n);
  return m < k
    ? [...definedInclusionSteps(m, k, from), { side: "right", begin: from + k, end: from + n }]
    : [
        ...definedInclusionSteps(m - k, n - k, from + k),
        { side: "left", begin: from, end: from + k },
      ];
}

/**
 * PROOF(m, D[n]) at any size: the subtree on which both trees are built, whether it is the whole
 * earlier tree (whose hash is then left out), and the steps up from it. A step to the left is in
 * both trees, one to the right in the later tree only.
 */
export function definedConsistencySteps(
  m: bigint,
  n: bigint,
): { base: Range; isWhole: boolean; steps: Step[] } {
  if (m === n) return { base: { begin: 0n, end: m }, isWhole: true, steps: [] };
  const k = split(n);
  if (m <= k) {
    const { steps, ...rest } = definedConsistencySteps(m, k);
    return { ...rest, steps: [...steps, { side: "right", begin: k, end: n }] };
  }
  const { base, steps } = definedConsistencySteps(m - k, n - k);
  const shift = ({ begin, end }: Range) => ({ begin: begin + k, end: end + k });
  return {
    base: shift(base),
    isWhole: false,
    steps: [
      ...steps.map((step) => ({ ...step, ...shift(step) })),
      { side: "left", begin: 0n, end: k },
    ],
  };
}
