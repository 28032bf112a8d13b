/** The filter of the current view. */
import { useMemo } from "react";
import { useZone } from "../time/zone.tsx";
import { useView } from "../view/view.ts";
import { hasLocalTimes, type ParsedQuery, parseQuery } from "./query-line.ts";

/**
 * What the view's query line means; its filter is undefined if the line has mistakes. Times like `24h`
 * count from when the line was entered. The same object as before unless it means something else, so
 * that showing other people's time does not read the trail anew.
 */
export function useFilter(): ParsedQuery {
  const [{ query }] = useView();
  const [zone] = useZone();
  const { nowMs, inUtc } = useMemo(() => {
    const enteredMs = Date.now();
    return { nowMs: enteredMs, inUtc: parseQuery(query, enteredMs, "UTC") };
  }, [query]);
  return useMemo(
    () => (hasLocalTimes(inUtc.terms) ? parseQuery(query, nowMs, zone) : inUtc),
    [inUtc, query, nowMs, zone],
  );
}
