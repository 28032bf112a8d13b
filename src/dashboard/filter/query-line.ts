/** The query line: a filter as a person types it. docs/dashboard.md has its rules. */
import type { EntryFilter } from "../../client/entry-filter.ts";
import { escapeUnsafe, plainJson } from "../../client/plain-json.ts";
import type { Zone } from "../time/zone.tsx";
import {
  isQueryField,
  isTimeField,
  likelyField,
  otherNameOf,
  type QueryField,
  queryFields,
} from "./query-fields.ts";
import { filterOf, type PlacedCondition } from "./query-filter.ts";
import { dependsOnZone, formatQueryTime, parseQueryTime } from "./query-time.ts";
import { type QueryMistake, queryTokens, type TermToken } from "./query-tokens.ts";
import type { Term } from "./term.ts";

export type { QueryField } from "./query-fields.ts";
export type { QueryMistake } from "./query-tokens.ts";
export type { Term } from "./term.ts";

/** A condition, and where it stands in its line: positions in UTF-16 units. */
export interface PlacedTerm extends Term {
  readonly start: number;
  readonly end: number;
}

/** A line that has been read. */
export interface ParsedQuery {
  /** What was understood, in the order of the line. */
  readonly terms: readonly PlacedTerm[];
  /** Undefined if anything is not understood: half a filter would show what the line does not mean. */
  readonly filter: EntryFilter | undefined;
  readonly mistakes: readonly QueryMistake[];
}

/**
 * Reads a line. Never throws: what is not understood is a mistake. `24h` and the like count back from
 * `nowMs` (milliseconds since 1970), times without a zone are of `zone`.
 */
export function parseQuery(line: string, nowMs: number, zone: Zone = "UTC"): ParsedQuery {
  const mistakes: QueryMistake[] = [];
  const conditions = queryTokens(line).flatMap((token) => {
    mistakes.push(...token.mistakes);
    const field = fieldOf(token);
    if (field.found !== undefined) return [{ ...token, field: field.found }];
    mistakes.push({ message: field.message, start: token.start, end: token.end });
    return [];
  });
  const found = filterOf(conditions satisfies readonly PlacedCondition[], (text) =>
    parseQueryTime(text, nowMs, zone),
  );
  mistakes.push(...found.mistakes);
  mistakes.sort((a, b) => a.start - b.start);
  return {
    terms: conditions.map(({ field, values, isExcluded, start, end }) => ({
      field,
      values: values.map(({ text }) => text),
      isExcluded,
      start,
      end,
    })),
    filter: mistakes.length === 0 ? found.filter : undefined,
    mistakes,
  };
}

/** Writes conditions as a line, which parseQuery reads as the same conditions. */
export function formatQuery(terms: readonly Term[]): string {
  return terms
    .filter(({ values }) => values.length > 0)
    .map(({ field, values, isExcluded }) => {
      const written = values.map((value) => formatValue(field, value)).join(",");
      return `${isExcluded ? "-" : ""}${field}:${written}`;
    })
    .join(" ");
}

/**
 * The same line with its zone written into its times, so that it means the same moments to whoever
 * opens it. `24h` and `today` stay: they are meant to move.
 */
export function withFixedTimes(terms: readonly Term[], nowMs: number, zone: Zone): Term[] {
  return terms.map((term) => {
    if (!isTimeField(term.field)) return term;
    const values = term.values.map((value) => {
      const ms = dependsOnZone(value) ? parseQueryTime(value, nowMs, zone) : undefined;
      return ms === undefined ? value : formatQueryTime(ms, zone);
    });
    return { ...term, values };
  });
}

/** Whether any of the times means another moment in another zone. */
export function hasLocalTimes(terms: readonly Term[]): boolean {
  return terms.some(
    ({ field, values }) =>
      isTimeField(field) &&
      values.some((value) => dependsOnZone(value) || /^(to|yester)day$/.test(value)),
  );
}

/** The entry's id that a line is, if it is one and nothing else. Example: `log-0190a7c4-…` */
export function entryIdIn(line: string): string | undefined {
  return /^\s*(log-[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})\s*$/.exec(line)?.[1];
}

function formatValue(field: QueryField, value: string): string {
  if (isTimeField(field) && /^[\w:+.-]+$/.test(value)) return value;
  const isPlain = /^[^-\s,:"“”„«»\\][^\s,:"“”„«»\\]*$/.test(value) && escapeUnsafe(value) === value;
  return isPlain ? value : plainJson(value);
}

/** Bare ids whose field their prefix tells. */
const fieldOfPrefix: Readonly<Record<string, QueryField>> = {
  usr: "actor",
  key: "actor",
  sb: "resource",
  host: "resource",
  team: "resource",
};

type FoundField =
  | { readonly found: QueryField }
  | { readonly found?: undefined; readonly message: string };

function fieldOf({ name, values }: TermToken): FoundField {
  if (name !== undefined) {
    if (isQueryField(name)) return { found: name };
    const likely = likelyField(name);
    const hint =
      likely === undefined
        ? `the fields are ${Object.keys(queryFields).join(", ")}`
        : `write ${likely}:`;
    return { message: `There is no field ${plainJson(name)}: ${hint}` };
  }
  const fields = new Set(
    values.map(({ text }) => fieldOfPrefix[/^([a-z]+)-./.exec(text)?.[1] ?? ""]),
  );
  const [field] = fields;
  if (field !== undefined && fields.size === 1) return { found: field };
  const word = values[0]?.text ?? "";
  if (entryIdIn(word) !== undefined) {
    return { message: "An entry's id opens the entry: enter it alone, without conditions" };
  }
  for (const [name, { words }] of Object.entries(queryFields)) {
    if (words?.includes(word)) return { message: `Say what it is: ${name}:${word}` };
  }
  const named = otherNameOf(word);
  if (named !== undefined) return { message: `What about it? Write ${named}: and a value` };
  const written = formatValue("action", word || "create");
  return { message: `Say what it is: action:${written}, actor:${written} or resource:${written}` };
}
