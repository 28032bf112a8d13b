/** What has changed, as an entry's metadata tells it. */
import type { JsonObject, JsonValue } from "@bufbuild/protobuf";

/** A value that was and is. What was added has no `before`, what was removed no `after`. */
export interface Difference {
  /** Example: `network.ports` */
  readonly path: string;
  readonly before: JsonValue | undefined;
  readonly after: JsonValue | undefined;
}

/** Everything that is found. */
export interface Differences {
  readonly changes: readonly Difference[];
  /** What is said of changes that were left out. Example: `12 more changes` */
  readonly notes: readonly string[];
}

/** The client library's word for changes that did not fit; see its `diff`. */
const truncatedPath = "[truncated]";
const changesKeys: ReadonlySet<string> = new Set(["changes", "change", "diff", "differences"]);
const maxDepth = 6;

/**
 * The changes in metadata: members `old_x` and `new_x` side by side, at any of the upper levels, and
 * what `diff(before, after)` of the client library made, under its usual names or as the metadata
 * itself.
 */
export function findDifferences(metadata: JsonObject): Differences {
  const changes: Difference[] = [];
  const notes: string[] = [];
  const visit = (object: JsonObject, prefix: readonly string[], mayBeDiff: boolean) => {
    if (mayBeDiff && isDiff(object)) {
      for (const [path, { from, to }] of Object.entries(object)) {
        if (path === truncatedPath) notes.push(String(to));
        else changes.push({ path, before: from, after: to });
      }
      return;
    }
    for (const [key, value] of Object.entries(object)) {
      const name = key.startsWith("old_") ? key.slice(4) : undefined;
      if (name && Object.hasOwn(object, `new_${name}`)) {
        const path = [...prefix, name].join(".");
        changes.push({ path, before: value, after: object[`new_${name}`] });
      } else if (isObject(value) && prefix.length < maxDepth) {
        visit(value, [...prefix, key], changesKeys.has(key));
      }
    }
  };
  visit(metadata, [], true);
  return { changes, notes };
}

type Diff = Record<string, { from?: JsonValue; to?: JsonValue }>;

function isDiff(object: JsonObject): object is JsonObject & Diff {
  const values = Object.values(object);
  return values.length > 0 && values.every(isChange);
}

function isChange(value: JsonValue): boolean {
  if (!isObject(value)) return false;
  const keys = Object.keys(value);
  return keys.length > 0 && keys.every((key) => key === "from" || key === "to");
}

function isObject(value: JsonValue): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
