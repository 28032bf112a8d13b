/** A row of the trail. */
import type { EntryJson } from "../../client/entry-json.ts";

/**
 * What a row shows of an entry. Without metadata, context and hashes a row takes a few hundred bytes,
 * so that thousands of rows of any log fit; the drawer reads the entry itself.
 */
export interface TrailRow extends EntryFields {
  /** What tells it from all others, of every team. Example: `team-5b1f…/17` */
  readonly key: string;
}

type EntryFields = Pick<
  EntryJson,
  | "id"
  | "teamId"
  | "sequence"
  | "actor"
  | "resource"
  | "action"
  | "scope"
  | "status"
  | "recordTime"
  | "detailsState"
>;

/** The row of an entry. */
export function trailRow(entry: EntryJson): TrailRow {
  const { id, teamId, sequence, actor, resource, action, scope, status } = entry;
  const { recordTime, detailsState } = entry;
  const fields = { id, teamId, sequence, actor, action, scope, status, recordTime, detailsState };
  return { key: `${teamId}/${sequence}`, ...fields, ...(resource && { resource }) };
}

/** When it was recorded, in milliseconds since 1970. */
export function recordMs({ recordTime }: Pick<TrailRow, "recordTime">): number {
  return Date.parse(recordTime);
}
