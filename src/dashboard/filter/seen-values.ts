/** What stands in the entries that were read: what one is likely to filter by. */
import type { EntryJson } from "../../client/entry-json.ts";
import type { ListField } from "./query-fields.ts";

/** A value that occurs. */
export interface SeenValue {
  /** The name that people know it by, if entries have one. */
  readonly name: string | undefined;
  readonly count: number;
}

/** By field and value. */
export type SeenValues = ReadonlyMap<ListField, ReadonlyMap<string, SeenValue>>;

/** Of more entries only the first so many are looked at: it is done while somebody types. */
const mostEntries = 2_000;

/** What of an entry is looked at. */
export type SeenEntry = Pick<EntryJson, "action" | "actor" | "resource">;

/** The values in some entries. */
export function seenValues(entries: Iterable<SeenEntry>): SeenValues {
  const seen = new Map<ListField, Map<string, SeenValue>>();
  const add = (field: ListField, value: string | undefined, name?: string) => {
    if (value === undefined) return;
    const values = seen.get(field) ?? new Map<string, SeenValue>();
    seen.set(field, values);
    const before = values.get(value);
    values.set(value, { name: before?.name ?? name, count: (before?.count ?? 0) + 1 });
  };
  let left = mostEntries;
  for (const { action, actor, resource } of entries) {
    add("action", action);
    add("actor", actor.id, actor.name);
    add("type", resource?.type);
    add("resource", resource?.id, resource?.name);
    left -= 1;
    if (left === 0) break;
  }
  return seen;
}
