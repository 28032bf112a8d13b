/** The filter of the current view. */
import { useMemo } from "react";
import { useZone } from "../time/zone.tsx";
import { useView } from "../view/view.ts";
import { type ParsedQuery, parseQuery } from "./query-line.ts";

/**
 * What the view's query line means; its filter is undefined if the line has mistakes. Times like `24h`
 * count from when the line was entered.
 */
export function useFilter(): ParsedQuery {
  const [{ query }] = useView();
  const [zone] = useZone();
  return useMemo(() => parseQuery(query, Date.now(), zone), [query, zone]);
}
