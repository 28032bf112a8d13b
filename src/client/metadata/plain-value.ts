/** Any value as JSON has it, whatever it is: the same that becomes of it as metadata. */

import { redacted } from "./redaction.ts";
import type { RedactionPlace } from "./redaction-places.ts";

/** A value of JSON. */
export type PlainValue =
  | null
  | boolean
  | number
  | string
  | readonly PlainValue[]
  | { readonly [key: string]: PlainValue };

/** How far to go, and what to leave out. */
export interface PlainOptions {
  /** Objects and arrays in one another; what lies deeper is `[too deep]`. 100 unless given. */
  readonly maxDepth?: number;
  /** How many values are copied at most; 1,000,000 unless given. */
  readonly maxValues?: number;
  /** Where redaction begins; nothing is redacted unless given. */
  readonly place?: RedactionPlace | undefined;
  /** Told of the first ten notes that stand for values: at which path, and what was wrong there. */
  readonly onNote?: ((path: string, what: string) => void) | undefined;
}

/** Paths are long where much is too deep: to tell of all could take longer than everything else. */
const maxNotes = 10;

/** There is more than was to be copied. */
export class TooManyValues extends Error {
  override readonly name = "TooManyValues";
}

/**
 * A copy as JSON.stringify would make it, with these differences: text for what JSON lacks (bigint, NaN,
 * errors), maps and sets as objects and arrays, the length of binary data, and a note in the place of what
 * cannot be read (a getter that throws), of cycles and of what lies too deep. Undefined for what has no
 * place in JSON. Getters of redacted keys are not even called.
 *
 * @throws TooManyValues, and nothing else. It is known before a long array is walked, empty or not.
 */
export function plainValue(value: unknown, options: PlainOptions = {}): PlainValue | undefined {
  return new Copier(options).whole(value, options.place);
}

class Copier {
  readonly #maxDepth: number;
  #left: number;
  #notes = 0;
  readonly #onNote: PlainOptions["onNote"];
  readonly #ancestors: object[] = [];
  /** From the outermost ancestor to where the copier is. */
  readonly #path: (string | number)[] = [];

  constructor({ maxDepth = 100, maxValues = 1_000_000, onNote }: PlainOptions) {
    this.#maxDepth = maxDepth;
    this.#left = maxValues;
    this.#onNote = onNote;
  }

  /** The value itself, as the member of nothing. */
  whole(value: unknown, place: RedactionPlace | undefined): PlainValue | undefined {
    return this.#guarded([value], 0, place);
  }

  /** A member, or a note if it cannot be read. */
  #guarded(
    parent: object,
    key: string | number,
    place: RedactionPlace | undefined,
  ): PlainValue | undefined {
    const depth = this.#ancestors.length;
    try {
      return this.#copy((parent as Readonly<Record<string | number, unknown>>)[key], place);
    } catch (error) {
      if (error instanceof TooManyValues) throw error;
      this.#ancestors.length = depth;
      return this.#note("unreadable");
    }
  }

  /** Stands for a value. */
  #note(what: string): string {
    this.#notes += 1;
    if (this.#notes <= maxNotes) this.#onNote?.(this.#path.join("."), what);
    return `[${what}]`;
  }

  #copy(value: unknown, place: RedactionPlace | undefined): PlainValue | undefined {
    this.#left -= 1;
    if (this.#left < 0) throw new TooManyValues();
    switch (typeof value) {
      case "string":
      case "boolean":
        return value;
      case "number":
        return Number.isFinite(value) ? value + 0 : String(value);
      case "bigint":
        return String(value);
      case "object":
        return value === null ? null : this.#object(value, place);
      default:
        return undefined;
    }
  }

  #object(value: object, place: RedactionPlace | undefined): PlainValue {
    if (value instanceof Error) return `${value.name}: ${value.message}`;
    if (ArrayBuffer.isView(value)) return `[${value.byteLength} bytes]`;
    if (this.#ancestors.includes(value)) return this.#note("circular");
    // A level may be two ancestors: what stands there, and what its toJSON answers.
    if (this.#ancestors.length > 2 * this.#maxDepth) return this.#note("too deep");
    this.#ancestors.push(value);
    try {
      if ("toJSON" in value && typeof value.toJSON === "function") {
        const json: unknown = value.toJSON();
        if (json !== value) return this.#copy(json, place) ?? null;
      }
      // The path has the keys that led here.
      if (this.#path.length >= this.#maxDepth) return this.#note("too deep");
      if (Array.isArray(value)) return this.#list(value, place);
      if (value instanceof Set) return this.#list([...value], place);
      return this.#members(value instanceof Map ? Object.fromEntries(value) : value, place);
    } finally {
      this.#ancestors.pop();
    }
  }

  #member(
    parent: object,
    name: string | number,
    place: RedactionPlace | undefined,
  ): PlainValue | undefined {
    const depth = this.#path.push(name);
    const value = this.#guarded(parent, name, place);
    this.#path.length = depth - 1;
    return value;
  }

  #list(list: readonly unknown[], place: RedactionPlace | undefined): PlainValue[] {
    const { length } = list;
    if (length > this.#left) throw new TooManyValues();
    const copy: PlainValue[] = [];
    for (let index = 0; index < length; index++) {
      const inner = place?.element(index);
      const isRedacted = place !== undefined && inner === undefined;
      copy.push(isRedacted ? redacted : (this.#member(list, index, inner) ?? null));
    }
    return copy;
  }

  #members(object: object, place: RedactionPlace | undefined): PlainValue {
    let members: { [key: string]: PlainValue } = {};
    for (const key of Object.keys(object)) {
      const inner = place?.at(key);
      const isRedacted = place !== undefined && inner === undefined;
      const value = isRedacted ? redacted : this.#member(object, key, inner);
      if (value === undefined) continue;
      // Assigned, it would be the prototype; in a literal, a computed key is one like any other.
      if (key === "__proto__") members = { ...members, [key]: value };
      else members[key] = value;
    }
    return members;
  }
}
