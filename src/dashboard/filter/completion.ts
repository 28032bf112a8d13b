/** What a query line can go on with. */
import { isQueryField, isTimeField, type QueryField, queryFields } from "./query-fields.ts";
import { formatQuery } from "./query-line.ts";
import { queryTokens, type TermToken } from "./query-tokens.ts";
import type { SeenValue, SeenValues } from "./seen-values.ts";

/** One way to go on. */
export interface Completion {
  /** What takes the place of what was typed. Example: `action:` */
  readonly text: string;
  /** What it is, for people: a name, or a few words. */
  readonly detail: string | undefined;
}

/** The ways to go on, best first, and the part of the line that one of them replaces. */
export interface Completions {
  readonly start: number;
  readonly end: number;
  readonly options: readonly Completion[];
}

const most = 12;
const times = ["15min", "1h", "24h", "7d", "30d", "today", "yesterday"];

/** How the line can go on at the caret; positions in UTF-16 units. */
export function completionsAt(line: string, caret: number, seen: SeenValues): Completions {
  const token = queryTokens(line.slice(0, caret)).at(-1);
  if (token === undefined || token.end < caret) {
    return { start: caret, end: caret, options: fieldOptions("", "") };
  }
  const value = token.values.at(-1);
  const start = token.name === undefined ? token.start : (value?.start ?? token.start);
  const end = caret + (/^[^\s,]*/.exec(line.slice(caret))?.[0].length ?? 0);
  const options =
    token.name === undefined ? bareOptions(token, seen) : valueOptions(token, token.name, seen);
  return { start, end, options: options.slice(0, most) };
}

/** A word without a field: which field, or which value of which field, it may become. */
function bareOptions(token: TermToken, seen: SeenValues): Completion[] {
  const typed = token.values.at(-1)?.text ?? "";
  const sign = token.isExcluded ? "-" : "";
  if (token.values.length > 1) return [];
  const fields = fieldOptions(typed, sign);
  if (typed === "") return fields;
  const values = (Object.keys(queryFields) as QueryField[]).flatMap((field) =>
    valuesOf(field, typed, seen).map(({ value, name }) => ({
      text: formatQuery([{ field, values: [value], isExcluded: token.isExcluded }]),
      detail: name ?? queryFields[field].label,
    })),
  );
  return [...fields, ...values];
}

function fieldOptions(typed: string, sign: string): Completion[] {
  const wanted = typed.toLowerCase();
  return Object.entries(queryFields).flatMap(([field, { label, hint }]) => {
    const fits = field.startsWith(wanted) || label.toLowerCase().startsWith(wanted);
    return fits ? [{ text: `${sign}${field}:`, detail: hint }] : [];
  });
}

function valueOptions(token: TermToken, field: string, seen: SeenValues): Completion[] {
  if (!isQueryField(field)) return [];
  const given = new Set(token.values.slice(0, -1).map(({ text }) => text));
  if (isTimeField(field) && given.size > 0) return [];
  return valuesOf(field, token.values.at(-1)?.text ?? "", seen)
    .filter(({ value }) => !given.has(value))
    .map(({ value, name }) => ({
      text: formatQuery([{ field, values: [value], isExcluded: false }]).slice(field.length + 1),
      detail: name,
    }));
}

/** Values that begin with what was typed, then those that have it within them or in their names. */
function valuesOf(field: QueryField, typed: string, seen: SeenValues) {
  const wanted = typed.toLowerCase();
  const fixed = isTimeField(field) ? times : queryFields[field].words;
  const known: [string, SeenValue | undefined][] = fixed
    ? fixed.map((value) => [value, undefined])
    : isTimeField(field)
      ? []
      : [...(seen.get(field) ?? [])].sort(([, a], [, b]) => b.count - a.count);
  const fits = known.flatMap(([value, notes]) => {
    const name = notes?.name;
    const starts = value.toLowerCase().startsWith(wanted);
    const has = starts || value.toLowerCase().includes(wanted);
    if (!has && !name?.toLowerCase().includes(wanted)) return [];
    return [{ value, name, starts }];
  });
  return [...fits.filter(({ starts }) => starts), ...fits.filter(({ starts }) => !starts)];
}
