import type { Details, Entry, JsonObject, NewEntry } from "./entry.ts";
import { canonicalJson } from "./jcs.ts";

/**
 * Whether an entry to record has the content of a recorded one: every field the caller may set,
 * after normalisation. Of an erased entry only what is outside the details can be compared. The
 * recorder does not count, nor the name of an actor that was not given, so that a retry under a
 * fresh credential of the same principal is still the same entry.
 */
export function sameContent(entry: NewEntry, recorded: Entry): boolean {
  return (
    entry.actor.type === recorded.actor.type &&
    entry.actor.id === recorded.actor.id &&
    entry.resource?.type === recorded.resource?.type &&
    entry.resource?.id === recorded.resource?.id &&
    entry.action === recorded.action &&
    entry.scope === recorded.scope &&
    entry.status === recorded.status &&
    entry.occurTime === recorded.occurTime &&
    (recorded.detailsState === "erased" ||
      // What was appended just now has the very details that were sent.
      recorded.details === entry.details ||
      comparable(entry.details, entry) === comparable(recorded.details, entry))
  );
}

function comparable({ actorName, ...details }: Details, { actorImplied }: NewEntry): string {
  const compared = actorImplied || actorName === undefined ? details : { ...details, actorName };
  // Canonical JSON leaves out what is undefined.
  return canonicalJson(compared as JsonObject);
}
