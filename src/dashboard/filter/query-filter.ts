/** The API's filter that a query line means. */
import type { EntryFilter, FilterFields, TimeRange } from "../../client/entry-filter.ts";
import { entryLimits, requestLimits } from "../../limits.ts";
import type { TimeField } from "./query-fields.ts";
import {
  isTimeField,
  type ListField,
  listFields,
  queryFields,
  timeFields,
} from "./query-fields.ts";
import type { QueryMistake, ValueToken } from "./query-tokens.ts";

/** A condition whose field is known, with its values where they stand in the line. */
export interface PlacedCondition {
  readonly field: ListField | TimeField;
  readonly isExcluded: boolean;
  readonly values: readonly ValueToken[];
}

interface Bound {
  readonly ms: number;
  readonly start: number;
  readonly end: number;
}

type Draft = Partial<Record<ListField, Set<string>>> & Partial<Record<TimeField, Bound>>;

/**
 * The filter, and what is wrong with its values: a word that is not one of the field's, a time that
 * is none, a text that no entry can hold, more values than a filter may have.
 * `timeOf` reads a time: milliseconds since 1970, or undefined.
 */
export function filterOf(
  conditions: readonly PlacedCondition[],
  timeOf: (text: string) => number | undefined,
): { filter: EntryFilter; mistakes: QueryMistake[] } {
  const mistakes: QueryMistake[] = [];
  const include: Draft = {};
  const exclude: Draft = {};
  for (const { field, isExcluded, values } of conditions) {
    const draft = isExcluded ? exclude : include;
    for (const value of values) {
      const message = isTimeField(field)
        ? addBound(draft, field, value, timeOf)
        : addValue(draft, field, value.text);
      if (message !== undefined) mistakes.push({ message, start: value.start, end: value.end });
    }
  }
  for (const draft of [include, exclude]) mistakes.push(...rangeMistakes(draft));
  const count = countOf(include) + countOf(exclude);
  if (count > requestLimits.filterValues) {
    const places = conditions.flatMap(({ values }) => values);
    mistakes.push({
      message: `A line can have ${requestLimits.filterValues} values at most; this one has ${count}`,
      start: places[0]?.start ?? 0,
      end: places.at(-1)?.end ?? 0,
    });
  }
  const excluded = fieldsOf(exclude);
  return {
    filter: {
      ...fieldsOf(include),
      ...(Object.keys(excluded).length > 0 && { exclude: excluded }),
    },
    mistakes,
  };
}

function addBound(
  draft: Draft,
  field: TimeField,
  value: ValueToken,
  timeOf: (text: string) => number | undefined,
): string | undefined {
  const ms = timeOf(value.text);
  if (ms === undefined) {
    return `${field}: takes a time: 15min, 24h or 7d ago, today, or a date like 2026-11-20 or 2026-11-20T14:30`;
  }
  if (draft[field] !== undefined) return `${field}: can be there once only`;
  draft[field] = { ms, start: value.start, end: value.end };
  return undefined;
}

function addValue(draft: Draft, field: ListField, text: string): string | undefined {
  const { words } = queryFields[field];
  if (text === "") return `${field}: needs a value`;
  if (words !== undefined && !words.includes(text)) {
    return `${field}: is one of ${words.join(", ")}`;
  }
  if (!text.isWellFormed() || text.includes("\0")) return "No entry can hold this text";
  if (new TextEncoder().encode(text).length > entryLimits.textBytes) {
    return `No entry has this: values have ${entryLimits.textBytes} bytes at most`;
  }
  draft[field] ??= new Set();
  draft[field].add(text);
  return undefined;
}

function rangeMistakes(draft: Draft): QueryMistake[] {
  return (["since", "occurred_since"] as const).flatMap((field) => {
    const from = draft[field];
    const to = draft[field === "since" ? "until" : "occurred_until"];
    if (from === undefined || to === undefined || from.ms < to.ms) return [];
    return [
      {
        message: "The range is empty: it must end after it begins",
        start: Math.min(from.start, to.start),
        end: Math.max(from.end, to.end),
      },
    ];
  });
}

function countOf(draft: Draft): number {
  return Object.values(draft).reduce(
    (sum, values) => sum + (values instanceof Set ? values.size : 1),
    0,
  );
}

function fieldsOf(draft: Draft): FilterFields {
  const fields: Record<string, readonly string[] | TimeRange> = {};
  for (const [field, name] of Object.entries(listFields)) {
    const values = draft[field as ListField];
    if (values !== undefined) fields[name] = [...values];
  }
  for (const [field, [name, bound]] of Object.entries(timeFields)) {
    const time = draft[field as TimeField];
    if (time !== undefined) fields[name] = { ...fields[name], [bound]: new Date(time.ms) };
  }
  return fields as FilterFields;
}
