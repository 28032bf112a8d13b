/** Both ways from a time: the filters of the entries before and after it. */
import type { EntryFilter } from "../../client/entry-filter.ts";

/** What matches and was recorded at a time (milliseconds) or before; undefined if nothing can be. */
export function upTo(filter: EntryFilter, ms: number): EntryFilter | undefined {
  const { from, to } = filter.recordTime ?? {};
  return within(
    filter,
    from?.getTime(),
    Math.min(to?.getTime() ?? Number.POSITIVE_INFINITY, ms + 1),
  );
}

/** What matches and was recorded at a time (milliseconds) or after; undefined if nothing can be. */
export function onFrom(filter: EntryFilter, ms: number): EntryFilter | undefined {
  const { from, to } = filter.recordTime ?? {};
  return within(filter, Math.max(from?.getTime() ?? Number.NEGATIVE_INFINITY, ms), to?.getTime());
}

function within(
  filter: EntryFilter,
  from: number | undefined,
  to: number | undefined,
): EntryFilter | undefined {
  if (from !== undefined && to !== undefined && from >= to) return undefined;
  const recordTime = {
    ...(from !== undefined && { from: new Date(from) }),
    ...(to !== undefined && { to: new Date(to) }),
  };
  return { ...filter, recordTime };
}
