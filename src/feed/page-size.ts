import { responseLimits } from "../limits.ts";
import type { Entry } from "../log/entry.ts";

/** Entries in a page from the database: few at first, then about one message's weight of them. */
export const pageLimits = { least: 16, most: responseLimits.streamMessageEntries };

/** How many entries to read next, by the weight of those of the page before. */
export function nextPageEntries(page: readonly Entry[], before: number): number {
  if (page.length === 0) return before;
  const bytes = page.reduce((sum, entry) => sum + entry.bytes, 0) / page.length;
  const fitting = Math.floor(responseLimits.streamMessageBytes / bytes);
  return Math.min(pageLimits.most, Math.max(pageLimits.least, fitting));
}
