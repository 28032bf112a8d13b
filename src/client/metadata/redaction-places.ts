/** Where rules of redaction stand while metadata is walked: an automaton, made of the rules as it is needed. */
import { type Segment, splitPath } from "./key-path.ts";

/** Where the walk is: the same object for every place that the rules cannot tell apart. */
export interface RedactionPlace {
  /** The place within the value of a key; undefined if that value is to be redacted. */
  at(key: string): RedactionPlace | undefined;
  /** The same for an element of an array. */
  element(index: number): RedactionPlace | undefined;
}

/** A path whose values are to be redacted, or to be kept although their key has a word. */
export interface Rule {
  readonly segments: readonly Segment[];
  readonly keeps: boolean;
}

/** How far into which rule: its number times the stride, and the number of its next segment. */
type Position = number;
const stride = 1024;

/** More keys than programs have: keys that are made of data must not fill the memory. */
const maxRemembered = 2_000;
const maxRememberedLength = 256;

/** The places that rules can tell apart, made as they are met. */
export class Places {
  readonly #rules: readonly Rule[];
  readonly #isSecret: (key: string) => boolean;
  readonly #places = new Map<string, Place>();
  #remembered = 0;
  /** Counts how often everything remembered was forgotten. */
  generation = 0;
  readonly namesNumbers: boolean;
  readonly root: RedactionPlace;

  constructor(rules: readonly Rule[], isSecret: (key: string) => boolean) {
    this.#rules = rules;
    this.#isSecret = isSecret;
    this.namesNumbers = rules.some(({ segments }) =>
      segments.some((segment) => typeof segment === "object" && /^\d+$/.test(segment.key)),
    );
    this.root = this.#place(rules.flatMap((_rule, index) => this.#from(index, 0)));
  }

  /** What becomes of a key. One with dots is also what lies along them: `diff` writes such keys. */
  step(positions: readonly Position[], key: string): RedactionPlace | undefined {
    const whole = this.#along(positions, [key]);
    const split = key.includes(".") ? this.#along(positions, splitPath(key)) : undefined;
    if (whole.redacts || split?.redacts) return undefined;
    if (!whole.keeps && !split?.keeps && this.#isSecret(key)) return undefined;
    return this.#place([...whole.positions, ...(split?.positions ?? [])]);
  }

  /** An element has no name, but its number may be in a path. */
  element(positions: readonly Position[], index: number): RedactionPlace | undefined {
    const { redacts, positions: next } = this.#along(positions, [String(index)]);
    return redacts ? undefined : this.#place(next);
  }

  /** Counts what a place remembers. */
  remember(): void {
    this.#remembered += 1;
    if (this.#remembered < maxRemembered) return;
    this.#remembered = 0;
    this.#places.clear();
    this.generation += 1;
  }

  #along(positions: readonly Position[], keys: readonly string[]) {
    let redacts = false;
    let keeps = false;
    let here = positions;
    for (const [depth, key] of keys.entries()) {
      const name = key.toLowerCase();
      const next: Position[] = [];
      keeps = false;
      for (const position of here) {
        const index = Math.floor(position / stride);
        const at = position % stride;
        const rule = this.#rules[index];
        const segment = rule?.segments[at];
        if (rule === undefined || segment === undefined) continue;
        if (typeof segment === "object" && segment.key !== name) continue;
        next.push(...this.#from(index, segment === "**" ? at : at + 1));
        if (!rule.segments.slice(at + 1).every((later) => later === "**")) continue;
        if (rule.keeps) keeps = true;
        else redacts = true;
      }
      here = next;
      // An exception for the last key brings nothing out of a secret that it lies in.
      if (depth < keys.length - 1 && !keeps && this.#isSecret(key)) redacts = true;
    }
    return { redacts, keeps, positions: here };
  }

  /** Where a rule is at a segment: there, and behind it too if it may stand for no level. */
  #from(index: number, at: number): Position[] {
    const segments = this.#rules[index]?.segments ?? [];
    if (at >= segments.length) return [];
    const here = index * stride + at;
    return segments[at] === "**" ? [here, ...this.#from(index, at + 1)] : [here];
  }

  #place(positions: readonly Position[]): Place {
    const sorted = [...new Set(positions)].sort((a, b) => a - b);
    const name = sorted.join();
    const known = this.#places.get(name);
    if (known !== undefined) return known;
    const place = new Place(this, sorted);
    this.#places.set(name, place);
    this.remember();
    return place;
  }
}

class Place implements RedactionPlace {
  readonly #places: Places;
  readonly #positions: readonly Position[];
  readonly #steps = new Map<string, RedactionPlace | undefined>();
  #generation: number;

  constructor(places: Places, positions: readonly Position[]) {
    this.#places = places;
    this.#positions = positions;
    this.#generation = places.generation;
  }

  at(key: string): RedactionPlace | undefined {
    const known = this.#steps.get(key);
    if (known !== undefined || this.#steps.has(key)) return known;
    const step = this.#places.step(this.#positions, key);
    if (key.length > maxRememberedLength) return step;
    this.#places.remember();
    if (this.#generation !== this.#places.generation) {
      this.#generation = this.#places.generation;
      this.#steps.clear();
    }
    this.#steps.set(key, step);
    return step;
  }

  element(index: number): RedactionPlace | undefined {
    if (this.#positions.length === 0) return this;
    // Only where rules name numbers is one element unlike another.
    return this.#places.namesNumbers ? this.#places.element(this.#positions, index) : this.at("0");
  }
}
