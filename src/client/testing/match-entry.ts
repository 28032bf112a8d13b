import { inspect, isDeepStrictEqual } from "node:util";
import type { TestEntry } from "./test-recorder.ts";

/**
 * What of a value is expected: texts by equality or a regular expression, objects by the parts that are
 * named. `undefined` says that there is none. Also takes asymmetric matchers (`expect.any(String)`).
 */
export type Pattern<Value> = Value extends string
  ? Value | RegExp
  : Value extends object
    ? { readonly [Key in keyof Value]?: Pattern<Value[Key]> | undefined }
    : Value;

/** What of an entry is expected. Example: `{ action: "create", resource: { type: "sandbox" } }` */
export type EntryPattern = Pattern<Omit<TestEntry, "metadata" | "occurTime">> & {
  readonly metadata?: Readonly<Record<string, unknown>> | undefined;
  readonly occurTime?: string | RegExp | Date | undefined;
};

/** Where an entry is not as expected, a line each; none: it matches. */
export function differences(entry: TestEntry, pattern: EntryPattern): readonly string[] {
  return [...differ(entry, pattern, "")];
}

function* differ(actual: unknown, expected: unknown, path: string): Generator<string> {
  if (isAsymmetric(expected) ? expected.asymmetricMatch(actual) : isMatch(actual, expected)) return;
  const both = [actual, expected];
  if (both.every(isPlain) || both.every(Array.isArray)) {
    const parts = expected as Record<string, unknown>;
    for (const key of Object.keys(parts)) {
      const part = (actual as Record<string, unknown>)[key];
      yield* differ(part, parts[key], path === "" ? key : `${path}.${key}`);
    }
    const length = [actual, expected].map((value) => (value as { length?: number }).length);
    if (length[0] !== length[1] && Array.isArray(actual)) {
      yield `${path}: expected ${length[1]} elements, recorded ${length[0]}`;
    }
    return;
  }
  yield `${path}: expected ${shown(expected)}, recorded ${shown(actual)}`;
}

function isMatch(actual: unknown, expected: unknown): boolean {
  if (expected instanceof RegExp) {
    return typeof actual === "string" && new RegExp(expected).test(actual);
  }
  if (expected instanceof Date) return actual === expected.toISOString();
  return isDeepStrictEqual(actual, expected);
}

function isPlain(value: unknown): boolean {
  return (
    typeof value === "object" &&
    value !== null &&
    [Object.prototype, null].includes(Object.getPrototypeOf(value))
  );
}

function isAsymmetric(value: unknown): value is { asymmetricMatch(actual: unknown): boolean } {
  return typeof (value as { asymmetricMatch?: unknown } | null)?.asymmetricMatch === "function";
}

/** A value on one line, for messages. */
export function shown(value: unknown): string {
  return inspect(value, { depth: 8, breakLength: Number.POSITIVE_INFINITY, maxStringLength: 200 });
}
