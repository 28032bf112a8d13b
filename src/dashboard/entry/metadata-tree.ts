/** Metadata as the rows of a tree: of any shape that an entry can hold, and never more than asked for. */
import type { JsonObject, JsonValue } from "@bufbuild/protobuf";

/** A member or an item, with what it holds. */
export interface TreeRow {
  /** Tells it from others: the places on the way to it. Example: `0.3` */
  readonly id: string;
  /** 0 for members of the metadata itself. */
  readonly depth: number;
  /** The keys on the way to it, its own last; of an item its index. */
  readonly path: readonly string[];
  readonly value: JsonValue;
  /** How many members or items it has; undefined if it cannot have any. */
  readonly size: number | undefined;
  readonly isOpen: boolean;
}

/** Rows to show, and how many there are in all. */
export interface TreeRows {
  readonly rows: readonly TreeRow[];
  readonly total: number;
}

/** What of a tree is wanted. */
export interface TreeOptions {
  /** Rows whose openness was turned from what it is at first, by id. */
  readonly turned: ReadonlySet<string>;
  /** Only rows that have this text in their key or value, in either case; empty for all. */
  readonly search: string;
  readonly limit: number;
}

/** A tree of so many rows is open at first; of a larger one only the top is seen. */
const smallTree = 100;

/** The rows in the order of the metadata. A search shows matches wherever they are. */
export function treeRows(metadata: JsonObject, options: TreeOptions): TreeRows {
  const { turned, search, limit } = options;
  const isSmall = countRows(metadata, smallTree + 1) <= smallTree;
  const wanted = search.trim().toLowerCase();
  const rows: TreeRow[] = [];
  let total = 0;
  const visit = (value: JsonValue, parent: string, path: readonly string[]) => {
    for (const [i, [key, member]] of members(value).entries()) {
      const id = parent === "" ? String(i) : `${parent}.${i}`;
      const size = sizeOf(member);
      const isOpen = size !== undefined && size > 0 && isSmall !== turned.has(id);
      const own = [...path, key];
      if (wanted === "" || matches(key, member, wanted)) {
        total += 1;
        if (rows.length < limit) {
          rows.push({ id, depth: path.length, path: own, value: member, size, isOpen });
        }
      }
      if (wanted !== "" || isOpen) visit(member, id, own);
    }
  };
  visit(metadata, "", []);
  return { rows, total };
}

/** A value as it stands in JSON, on one line. */
export function leafText(value: JsonValue): string {
  return typeof value === "string" ? value : JSON.stringify(value);
}

function matches(key: string, value: JsonValue, wanted: string): boolean {
  if (key.toLowerCase().includes(wanted)) return true;
  return sizeOf(value) === undefined && leafText(value).toLowerCase().includes(wanted);
}

function members(value: JsonValue): [string, JsonValue][] {
  if (typeof value !== "object" || value === null) return [];
  return Object.entries(value);
}

function sizeOf(value: JsonValue): number | undefined {
  if (typeof value !== "object" || value === null) return undefined;
  return Object.keys(value).length;
}

/** Rows of the whole tree, counted up to `most`. */
function countRows(value: JsonValue, most: number): number {
  let count = 0;
  for (const [, member] of members(value)) {
    if (count >= most) break;
    count += 1 + countRows(member, most - count);
  }
  return count;
}
