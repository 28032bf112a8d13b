import type { SequenceRange } from "../log/erasure.ts";

/** Positions of a log, added in ascending order: about a bit each, however many and scattered. */
export class SequenceSet {
  /** 1024 positions a word, by the first one's number over 1024, ascending; none is zero. */
  readonly #words = new Map<bigint, bigint>();
  /** The word last added to. */
  #last = 0n;

  /** Empty, or with what is in the `words` of another. */
  constructor(words: readonly string[] = []) {
    for (const text of words) {
      const [word = "", bits = ""] = text.split(":");
      this.#last = BigInt(word);
      this.#words.set(this.#last, BigInt(`0x${bits}`));
    }
  }

  /** What is in it, to be kept as text. Example: `["0:1c", "3:1"]` */
  get words(): string[] {
    return Array.from(this.#words, ([word, bits]) => `${word}:${bits.toString(16)}`);
  }

  /** Adds a position after all that were ever added. */
  add(sequence: bigint): void {
    this.#last = sequence >> 10n;
    const bits = this.#words.get(this.#last) ?? 0n;
    this.#words.set(this.#last, bits | (1n << (sequence & 1023n)));
  }

  /** Takes out those positions of a range that are in it. The range may be of any length. */
  remove({ from, to }: SequenceRange): void {
    const [first] = this.#words.keys();
    if (first === undefined) return;
    const end = to >> 10n < this.#last ? to >> 10n : this.#last;
    for (let word = from >> 10n > first ? from >> 10n : first; word <= end; word++) {
      const bits = this.#words.get(word);
      if (bits === undefined) continue;
      const start = word << 10n;
      const low = from > start ? from - start : 0n;
      const high = to - start < 1023n ? to - start : 1023n;
      const rest = bits & ~((1n << (high + 1n)) - (1n << low));
      if (rest === 0n) this.#words.delete(word);
      else this.#words.set(word, rest);
    }
  }

  /** The lowest position. */
  get first(): bigint | undefined {
    for (const [word, bits] of this.#words) {
      return (word << 10n) + BigInt((bits & -bits).toString(2).length - 1);
    }
    return undefined;
  }
}
