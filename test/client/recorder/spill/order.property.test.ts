import { readdirSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { expect, test } from "vitest";
import type { SpilledEntry, SpillPlace } from "../../../../src/client/recorder/spill/spill.ts";
import { openTexts, spillDirectory, type TextSpill } from "./directories.ts";

/** What is done to a spill. */
type Step =
  | {
      readonly do: "append";
      readonly sizes: readonly number[];
      readonly sync: boolean;
      readonly at: number;
    }
  | { readonly do: "place" }
  | { readonly do: "read"; readonly entries: number; readonly bytes: number }
  | { readonly do: "settle"; readonly which: number }
  | { readonly do: "reopen"; readonly crash: boolean };

const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({
    do: fc.constant("append" as const),
    sizes: fc.array(fc.integer({ min: 0, max: 120 }), { maxLength: 12 }),
    sync: fc.boolean(),
    // At one of the places, or more often behind everything.
    at: fc.integer({ min: -6, max: 5 }),
  }),
  fc.constant({ do: "place" as const }),
  fc.record({
    do: fc.constant("read" as const),
    entries: fc.integer({ min: 0, max: 12 }),
    bytes: fc.integer({ min: 1, max: 600 }),
  }),
  fc.record({ do: fc.constant("settle" as const), which: fc.nat() }),
  fc.record({ do: fc.constant("reopen" as const), crash: fc.boolean() }),
);

/** A spill and what is expected of it. */
class Model {
  readonly #directory: string;
  readonly #abandoned: TextSpill[] = [];
  #spill: TextSpill;
  #appended = 0;
  /** The numbers of what was appended, and places between them, in the order in which they belong. */
  readonly #order: (number | SpillPlace)[] = [];
  #places: SpillPlace[] = [];
  /** Whether entries lie at a place: this process reads them as they came. */
  #isAside = false;
  readonly #settled = new Set<number>();
  /** Read since it was opened. */
  #read: { readonly number: number; readonly entry: SpilledEntry }[] = [];
  #held: { readonly number: number; readonly entry: SpilledEntry }[] = [];

  private constructor(directory: string, spill: TextSpill) {
    this.#directory = directory;
    this.#spill = spill;
  }

  static async open(directory: string): Promise<Model> {
    return new Model(directory, await openModel(directory));
  }

  async take(step: Step): Promise<void> {
    const { spill } = this.#spill;
    if (step.do === "append") {
      const entries = step.sizes.map((size, index) => {
        return Buffer.from(`${this.#appended + index} ${"x".repeat(size)}`);
      });
      const place = this.#places[step.at];
      const written = step.sync
        ? spill.appendSync(entries, place)
        : await spill.append(entries, place);
      expect(written).toBe(entries.length);
      const at = place === undefined ? this.#order.length : this.#order.indexOf(place);
      this.#order.splice(at, 0, ...entries.map((_, index) => this.#appended + index));
      this.#isAside ||= place !== undefined;
      this.#appended += written;
    } else if (step.do === "place") {
      const place = spill.place();
      if (this.#places.includes(place)) return;
      this.#places.push(place);
      this.#order.push(place);
    } else if (step.do === "read") {
      this.#check(await spill.read(step.entries, step.bytes));
    } else if (step.do === "settle") {
      const [held] = this.#held.splice(step.which % (this.#held.length + 1), 1);
      if (held === undefined) return;
      spill.settle(held.entry);
      this.#settled.add(held.number);
    } else {
      await this.#reopen(step.crash);
    }
  }

  /** Reads to the end: nothing that was not settled is missing. */
  async end(): Promise<void> {
    await this.#reopen(true);
    for (let some = [{}]; some.length > 0; ) {
      const entries = await this.#spill.spill.read(5, 300);
      this.#check(entries);
      for (const { number, entry } of this.#held.splice(0)) {
        this.#spill.spill.settle(entry);
        this.#settled.add(number);
      }
      some = [...entries];
    }
    expect(this.#settled.size).toBe(this.#appended);
    expect(this.#spill.spill.waiting).toEqual({ entries: 0, bytes: 0 });
    for (const { spill, errors, damaged } of [...this.#abandoned, this.#spill]) {
      await spill.close();
      expect(errors).toEqual([]);
      expect(damaged).toBe(0);
    }
    expect(readdirSync(this.#directory)).toEqual([]);
  }

  #check(entries: readonly SpilledEntry[]): void {
    for (const entry of entries) {
      const number = Number(Buffer.from(entry.bytes).toString().split(" ")[0]);
      const last = this.#read.at(-1);
      const before = last === undefined ? -1 : this.#order.indexOf(last.number);
      if (!this.#isAside) expect(this.#order.indexOf(number)).toBeGreaterThan(before);
      this.#read.push({ number, entry });
      this.#held.push({ number, entry });
    }
    const unsettled = this.#appended - this.#settled.size;
    expect(this.#spill.spill.waiting.entries).toBeGreaterThanOrEqual(unsettled);
  }

  async #reopen(crash: boolean): Promise<void> {
    if (crash) {
      // What the next process would do to the session of one that was killed, done for it.
      for (const name of readdirSync(this.#directory)) {
        renameSync(join(this.#directory, name), join(this.#directory, `${name}.left`));
      }
      this.#abandoned.push(this.#spill);
    } else {
      await this.#spill.spill.close();
      expect(this.#spill.errors).toEqual([]);
    }
    this.#spill = await openModel(this.#directory);
    this.#read = [];
    this.#held = [];
    this.#places = [];
    this.#isAside = false;
  }
}

function openModel(directory: string): Promise<TextSpill> {
  return openTexts(directory, { segmentBytes: 400, lookMs: 3_600_000 });
}

test("whatever is appended, read, settled and reopened, nothing is lost and the order is kept", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 30 }), async (steps) => {
      const directory = spillDirectory();
      const model = await Model.open(directory);
      for (const step of steps) await model.take(step);
      await model.end();
      rmSync(directory, { recursive: true });
    }),
    { numRuns: 150 },
  );
});
