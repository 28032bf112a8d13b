/** What has changed, as metadata of the entry that says so. */
import { storedBytes } from "../../log/rules.ts";
import { escapeKey } from "./key-path.ts";
import { type PlainValue, plainValue, TooManyValues } from "./plain-value.ts";
import { defaultRedaction } from "./redact.ts";
import { type Redaction, redacted } from "./redaction.ts";
import type { RedactionPlace } from "./redaction-places.ts";

/** A value that was and is. What was added has no `from`, what was removed no `to`. */
export interface Change {
  readonly from?: PlainValue;
  readonly to?: PlainValue;
}

/** Changes by path: `network.ports`, with `\` before dots and stars that are part of a key. */
export type Changes = Readonly<Record<string, Change>>;

/** How a difference is told. */
export interface DiffOptions {
  /**
   * Rules for what is told of secrets: that they changed. Those of a recorder without any, unless given. A
   * recorder's own paths begin at its metadata, so under `changes` only those with `**` still reach.
   */
  readonly redaction?: Redaction;
}

/** So that two of them, or one and other metadata, fit into the 32 KiB of an entry. */
const maxBytes = 14 * 1024;
const maxValueBytes = 2 * 1024;
/** Below the path, the change, and whatever it is put into, of 16 levels in all. */
const maxValueDepth = 10;
/** Of either side; it takes a few milliseconds. */
const maxValues = 20_000;

/** The path under which it is told that there is more. */
export const truncatedPath = "[truncated]";

/**
 * What has changed between two objects, as metadata: `{ metadata: { changes: diff(before, after) } }`.
 * Empty if nothing has.
 *
 * Objects are compared member by member, arrays and everything else as a whole, all as JSON has them
 * (a date is its text). Without an object on one side, everything was added or removed.
 *
 * At most 14 KiB: a value of more than 2 KiB is cut or replaced by its size, and `[truncated]` says how many
 * changes are left out, or that there are more than 20,000 values, too many to compare. Never throws.
 */
export function diff(before: unknown, after: unknown, options: DiffOptions = {}): Changes {
  const { root } = options.redaction ?? defaultRedaction();
  try {
    const found = new Found();
    const from = plainValue(before ?? {}, { maxValues });
    const to = plainValue(after ?? {}, { maxValues });
    compare(from, to, undefined, root, found);
    return found.changes();
  } catch (error) {
    if (!(error instanceof TooManyValues)) throw error;
    return { [truncatedPath]: { to: "too many values to compare" } };
  }
}

function compare(
  from: PlainValue | undefined,
  to: PlainValue | undefined,
  path: string | undefined,
  place: RedactionPlace | undefined,
  found: Found,
): void {
  if (place !== undefined && isObject(from) && isObject(to)) {
    for (const key of new Set([...Object.keys(from), ...Object.keys(to)])) {
      const inner = path === undefined ? escapeKey(key) : `${path}.${escapeKey(key)}`;
      compare(member(from, key), member(to, key), inner, place.at(key), found);
    }
  } else if (!areEqual(from, to)) {
    found.add(path ?? "", () => ({
      ...(from === undefined ? undefined : { from: shown(from, place) }),
      ...(to === undefined ? undefined : { to: shown(to, place) }),
    }));
  }
}

/** The changes so far, as many as there is room for. */
class Found {
  readonly #changes: [string, Change][] = [];
  #bytes = storedBytes({ [truncatedPath]: { to: "99999 more changes" } });
  #leftOut = 0;

  add(path: string, tell: () => Change): void {
    const room = maxBytes - this.#bytes;
    // A path too long is not even put together: thousands may lie below the same long keys.
    if (path.length <= room) {
      const change = tell();
      const bytes = storedBytes({ [path]: { ...change } });
      if (bytes <= room) {
        this.#bytes += bytes;
        this.#changes.push([path, change]);
        return;
      }
    }
    this.#leftOut += 1;
  }

  changes(): Changes {
    const more: [string, Change][] =
      this.#leftOut === 0 ? [] : [[truncatedPath, { to: `${this.#leftOut} more changes` }]];
    return Object.fromEntries([...this.#changes, ...more]);
  }
}

/** The value as it may be told: without secrets, and not too large. */
function shown(value: PlainValue, place: RedactionPlace | undefined): PlainValue {
  if (place === undefined) return redacted;
  const plain = plainValue(value, { place, maxDepth: maxValueDepth }) ?? null;
  const bytes = storedBytes(plain);
  if (bytes <= maxValueBytes) return plain;
  if (typeof plain !== "string") return `[${bytes} bytes]`;
  let kept = maxValueBytes;
  while (storedBytes(plain.slice(0, kept)) > maxValueBytes - 64) kept = Math.floor(kept / 1.5);
  return `${plain.slice(0, kept).toWellFormed()}… [${bytes} bytes]`;
}

function isObject(value: PlainValue | undefined): value is Readonly<Record<string, PlainValue>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function member(object: Readonly<Record<string, PlainValue>>, key: string): PlainValue | undefined {
  return Object.hasOwn(object, key) ? object[key] : undefined;
}

function areEqual(one: PlainValue | undefined, other: PlainValue | undefined): boolean {
  if (one === other) return true;
  if (Array.isArray(one) && Array.isArray(other)) {
    return one.length === other.length && one.every((item, at) => areEqual(item, other[at]));
  }
  if (!isObject(one) || !isObject(other)) return false;
  const keys = Object.keys(one);
  return (
    keys.length === Object.keys(other).length &&
    keys.every((key) => Object.hasOwn(other, key) && areEqual(one[key], other[key]))
  );
}
