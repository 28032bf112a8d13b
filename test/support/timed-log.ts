import { randomUUID } from "node:crypto";
import type pg from "pg";
import { formatTeamId, type TeamId } from "../../src/ids.ts";
import type { Millis, Scope, Status } from "../../src/log/entry.ts";
import { timeText } from "../../src/log/filter.ts";

/** What a test chooses of an entry whose record time it chooses. */
export interface TimedEntry {
  readonly recordTime: Millis;
  readonly status: Status;
  readonly scope: Scope;
  readonly action?: string;
}

/**
 * Makes a team with a log of these entries, in order of time, and counts it, as a superuser. It has no
 * tree, and its hashes are not those of its entries. What is before `firstSequence` is pruned.
 */
export async function insertTimedLog(
  superuser: Pick<pg.ClientBase, "query">,
  entries: readonly TimedEntry[],
  firstSequence = 1,
): Promise<{ readonly id: TeamId; readonly teamId: string }> {
  const id = randomUUID() as TeamId;
  await superuser.query(
    `INSERT INTO control_plane.audit_logs (
       id, team_id, sequence, recorder_type, recorder_id, actor_type, actor_id, action, scope,
       status, record_time, details_state, details_salt, details_digest, leaf_hash)
     SELECT gen_random_uuid(), $1, n, 'service', 'tests', 'system', 'system', action, scope, status,
       record_time, 'none', hash, hash, hash
     FROM (SELECT decode(repeat('07', 32), 'hex') AS hash) AS hashes,
       unnest($2::text[]::timestamptz[], $3::text[], $4::text[], $5::text[]) WITH ORDINALITY
         AS entry (record_time, status, scope, action, n)`,
    [
      id,
      entries.map(({ recordTime }) => timeText(recordTime)),
      entries.map(({ status }) => status),
      entries.map(({ scope }) => scope),
      entries.map(({ action }) => action ?? "create"),
    ],
  );
  const last = entries.at(-1)?.recordTime;
  await superuser.query(
    `INSERT INTO control_plane.audit_log_heads (team_id, size, last_record_time)
     VALUES ($1, $2, $3)`,
    [id, entries.length, last === undefined ? null : timeText(last)],
  );
  await superuser.query("SELECT control_plane.count_log($1)", [id]);
  await prune(superuser, id, firstSequence);
  return { id, teamId: formatTeamId(id) };
}

/** Raises a log's retention floor and deletes what is below it, as a superuser. */
export async function prune(
  superuser: Pick<pg.ClientBase, "query">,
  teamId: TeamId,
  firstSequence: number,
): Promise<void> {
  await superuser.query(
    "UPDATE control_plane.audit_log_heads SET first_sequence = $2 WHERE team_id = $1",
    [teamId, firstSequence],
  );
  await superuser.query(
    "DELETE FROM control_plane.audit_logs WHERE team_id = $1 AND sequence < $2",
    [teamId, firstSequence],
  );
}
