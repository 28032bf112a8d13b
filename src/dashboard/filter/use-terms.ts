/** The conditions of the current view, and the way to others. */
import { useCallback } from "react";
import { useView } from "../view/view.ts";
import { isTimeField } from "./query-fields.ts";
import { formatQuery, type PlacedTerm, type Term } from "./query-line.ts";
import { useFilter } from "./use-filter.ts";

/**
 * The view's conditions and what sets others, which is a step that the back button undoes. With
 * another range of time the trail begins at its newest entry again.
 */
export function useTerms(): [readonly PlacedTerm[], (terms: readonly Term[]) => void] {
  const { terms } = useFilter();
  const [view, go] = useView();
  const setTerms = useCallback(
    (changed: readonly Term[]) => {
      const query = formatQuery(changed);
      if (query === view.query) return;
      const isSameRange = rangeOf(changed) === rangeOf(terms);
      go(isSameRange ? { query } : { query, at: undefined });
    },
    [go, terms, view.query],
  );
  return [terms, setTerms];
}

function rangeOf(terms: readonly Term[]): string {
  return formatQuery(terms.filter(({ field }) => isTimeField(field)));
}
