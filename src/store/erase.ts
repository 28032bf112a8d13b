import type { EntryId, TeamId } from "../ids.ts";
import { erasureAction } from "../log/erasure.ts";
import type { Window } from "./entries.ts";
import type { Queryable } from "./pool.ts";

/** What `control_plane.erase_details` erases; the rest it passes over. */
const erasable = `(details_state = 'present'
  AND NOT (recorder_type = 'annals' AND action = '${erasureAction}'))`;

/** An entry that was asked for by its id. */
export interface Found {
  readonly id: EntryId;
  readonly sequence: bigint;
  /** It has details, and details that may be erased. */
  readonly erasable: boolean;
}

/** The entries with the given ids, each once; ids that the log does not have are left out. */
export async function findByIds(
  db: Queryable,
  teamId: TeamId,
  ids: readonly EntryId[],
): Promise<Found[]> {
  const { rows } = await db.query<Found>({
    name: "erasable-by-id",
    text: `SELECT wanted.id, found.sequence, found.erasable
      FROM (SELECT DISTINCT unnest($2::uuid[]) AS id) AS wanted, LATERAL (
        SELECT sequence, ${erasable} AS erasable FROM control_plane.audit_logs
        WHERE team_id = $1 AND id = wanted.id LIMIT 1
      ) AS found`,
    values: [teamId, ids],
  });
  return rows;
}

/**
 * The first `limit` sequences in the window of entries with an actor whose details can be erased.
 * No index has actors: one would cost every append 155 bytes and an eighth of its time, and without
 * one some 3 million entries are looked through in a second.
 */
export async function findByActor(
  db: Queryable,
  teamId: TeamId,
  actorId: string,
  window: Window,
  limit: number,
): Promise<bigint[]> {
  const { rows } = await db.query<{ sequence: bigint }>({
    name: "erasable-by-actor",
    text: `SELECT sequence FROM control_plane.audit_logs
      WHERE team_id = $1 AND sequence BETWEEN $2 AND $3 AND actor_id = $4 AND ${erasable}
      ORDER BY sequence LIMIT $5`,
    values: [teamId, String(window.from), String(window.to), actorId, limit],
  });
  return rows.map(({ sequence }) => sequence);
}

/**
 * Erases the details of a team's entries and gives back how many it has erased: fewer than were
 * given if some cannot be, or were before.
 */
export async function eraseDetails(
  session: Queryable,
  teamId: TeamId,
  sequences: readonly bigint[],
): Promise<number> {
  const { rowCount } = await session.query({
    name: "erase",
    text: "SELECT FROM control_plane.erase_details($1, $2::bigint[])",
    values: [teamId, sequences.map(String)],
  });
  return rowCount ?? 0;
}
