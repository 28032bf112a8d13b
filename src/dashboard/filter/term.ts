/** The conditions of a query line, and how they change. */
import { isTimeField, type QueryField } from "./query-fields.ts";

/** One condition: `action:create,destroy`, or `-status:success` for an exclusion. */
export interface Term {
  readonly field: QueryField;
  readonly values: readonly string[];
  readonly isExcluded: boolean;
}

/**
 * Adds a condition: its values become further alternatives (or further exclusions) of the field, and
 * are no longer the opposite. A time takes the place of the one before.
 */
export function addTerm(terms: readonly Term[], added: Term): Term[] {
  const isTime = isTimeField(added.field);
  const rest = terms.flatMap((term) => {
    if (term.field !== added.field) return [term];
    if (term.isExcluded === added.isExcluded) return isTime ? [] : [term];
    if (isTime) return [term];
    const values = term.values.filter((value) => !added.values.includes(value));
    return values.length === 0 ? [] : [{ ...term, values }];
  });
  const same = rest.find(
    ({ field, isExcluded }) => field === added.field && isExcluded === added.isExcluded,
  );
  if (same === undefined) return [...rest, added];
  const values = [...new Set([...same.values, ...added.values])];
  return rest.map((term) => (term === same ? { ...term, values } : term));
}

/** Takes a condition of these terms out of them. */
export function removeTerm(terms: readonly Term[], removed: Term): Term[] {
  return terms.filter((term) => term !== removed);
}

/** Narrows a field to one value: what else it allowed, and the value's exclusion, go. */
export function onlyTerm(terms: readonly Term[], field: QueryField, value: string): Term[] {
  const others = terms.filter((term) => term.field !== field || term.isExcluded);
  return addTerm(others, { field, values: [value], isExcluded: false });
}

/** Makes a condition of these terms an exclusion, or an exclusion a condition. */
export function toggleTerm(terms: readonly Term[], toggled: Term): Term[] {
  return addTerm(removeTerm(terms, toggled), { ...toggled, isExcluded: !toggled.isExcluded });
}

/** Sets the range of record time; a bound that is undefined is open. */
export function withTimes(
  terms: readonly Term[],
  { since, until }: { since?: string | undefined; until?: string | undefined },
): Term[] {
  const rest = terms.filter(
    ({ field, isExcluded }) => isExcluded || (field !== "since" && field !== "until"),
  );
  const bounds = Object.entries({ since, until }).flatMap(([field, value]) =>
    value === undefined
      ? []
      : [{ field: field as "since" | "until", values: [value], isExcluded: false }],
  );
  return [...rest, ...bounds];
}
