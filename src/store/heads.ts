import type { TeamId } from "../ids.ts";
import { appendLimits } from "../limits.ts";
import type { Millis } from "../log/entry.ts";
import { frontierFrom } from "../log/extend.ts";
import { timeText } from "../log/filter.ts";
import { leafPrefixBytes, type Position } from "../log/position.ts";
import { appendApplicationName, type Queryable } from "./pool.ts";

/** The end of a team's log, and where what it still holds begins. */
export interface Head {
  /** After the last entry. */
  readonly end: Position;
  /** The sequence of the first entry held; one more than the last if none is. */
  readonly firstSequence: bigint;
}

interface HeadRow {
  size: bigint;
  first_sequence: bigint;
  leaf_prefix: Buffer | null;
}

/** A team's head. A team without entries has one of size 0. */
export async function readHead(db: Queryable, teamId: TeamId): Promise<Head> {
  const { rows } = await db.query<HeadRow>({
    name: "head",
    text: `SELECT size, first_sequence, substring(leaf_hash FROM 1 FOR ${leafPrefixBytes}) AS leaf_prefix
      FROM control_plane.audit_log_heads AS head
      LEFT JOIN control_plane.audit_logs AS last
        ON last.team_id = head.team_id AND last.sequence = head.size
      WHERE head.team_id = $1`,
    values: [teamId],
  });
  const [row] = rows;
  return {
    end: { sequence: row?.size ?? 0n, leafPrefix: row?.leaf_prefix ?? new Uint8Array() },
    firstSequence: row?.first_sequence ?? 1n,
  };
}

/** The sizes of teams' logs; teams without one are left out. */
export async function readSizes(
  db: Queryable,
  teams: readonly TeamId[],
): Promise<Map<TeamId, bigint>> {
  const { rows } = await db.query<{ team_id: TeamId; size: bigint }>({
    name: "sizes",
    text: "SELECT team_id, size FROM control_plane.audit_log_heads WHERE team_id = ANY($1::uuid[])",
    values: [teams],
  });
  return new Map(rows.map((row) => [row.team_id, row.size]));
}

/** The sizes of up to `limit` logs that have entries, those of the teams after the given one. */
export async function readSizesAfter(
  db: Queryable,
  after: TeamId | undefined,
  limit: number,
): Promise<Map<TeamId, bigint>> {
  const { rows } = await db.query<{ team_id: TeamId; size: bigint }>({
    text: `SELECT team_id, size FROM control_plane.audit_log_heads
      WHERE size > 0 AND ($1::uuid IS NULL OR team_id > $1::uuid) ORDER BY team_id LIMIT $2`,
    values: [after ?? null, limit],
  });
  return new Map(rows.map((row) => [row.team_id, row.size]));
}

/** A log that has entries. */
export interface Log {
  readonly teamId: TeamId;
  /** The sequence of its newest entry. */
  readonly size: bigint;
  readonly firstSequence: bigint;
  readonly lastRecordTime: Millis;
}

/** Up to `limit` logs that have entries, by team, from the given team on. */
export async function readLogsFrom(db: Queryable, from: TeamId, limit: number): Promise<Log[]> {
  const { rows } = await db.query<{
    team_id: TeamId;
    size: bigint;
    first_sequence: bigint;
    last_record_time: Millis;
  }>({
    name: "logs-from",
    text: `SELECT team_id, size, first_sequence, last_record_time
      FROM control_plane.audit_log_heads
      WHERE size > 0 AND team_id >= $1 ORDER BY team_id LIMIT $2`,
    values: [from, limit],
  });
  return rows.map((row) => ({
    teamId: row.team_id,
    size: row.size,
    firstSequence: row.first_sequence,
    lastRecordTime: row.last_record_time,
  }));
}

/** A log's size and root hash, as its head has them. */
export interface TreeHead {
  readonly size: bigint;
  /** Undefined if the frontier stored is not one of a tree of this size: the head is damaged. */
  readonly root: Uint8Array | undefined;
}

/** The committed heads of teams' trees; a team without one has that of the empty tree. */
export async function readTreeHeads(
  db: Queryable,
  teams: readonly TeamId[],
): Promise<(teamId: TeamId) => TreeHead> {
  const { rows } = await db.query<{ team_id: TeamId; size: bigint; frontier: Buffer }>({
    name: "tree-heads",
    text: `SELECT team_id, size, frontier FROM control_plane.audit_log_heads
      WHERE team_id = ANY($1::uuid[])`,
    values: [teams],
  });
  const heads = new Map(
    rows.map(({ team_id, size, frontier }) => [team_id, { size, root: rootOf(size, frontier) }]),
  );
  return (teamId) => heads.get(teamId) ?? { size: 0n, root: rootOf(0n, Buffer.alloc(0)) };
}

function rootOf(size: bigint, frontier: Buffer): Uint8Array | undefined {
  if (frontier.length % 32 !== 0) return undefined;
  try {
    return frontierFrom(size, frontier).root();
  } catch (error) {
    if (error instanceof RangeError) return undefined;
    throw error;
  }
}

/**
 * The sequence of the first entry recorded at the time or later, or one more than the last.
 * Record times never go back within a team, so this is a binary search over the primary key.
 */
export async function sequenceAt(db: Queryable, teamId: TeamId, time: Millis): Promise<bigint> {
  const { rows } = await db.query<{ sequence: bigint }>({
    name: "sequence-at",
    text: `WITH RECURSIVE search (low, high) AS (
        SELECT first_sequence, size + 1
        FROM control_plane.audit_log_heads WHERE team_id = $1
      UNION ALL
        SELECT
          CASE WHEN probe.record_time < $2::timestamptz THEN probe.sequence + 1 ELSE low END,
          CASE WHEN probe.record_time < $2::timestamptz THEN high ELSE probe.sequence END
        FROM search, LATERAL (
          SELECT sequence, record_time FROM control_plane.audit_logs
          WHERE team_id = $1 AND sequence = (low + high) / 2
        ) AS probe
        WHERE low < high
      )
      SELECT low AS sequence FROM search WHERE low = high`,
    values: [teamId, timeText(time)],
  });
  return rows[0]?.sequence ?? 1n;
}

/**
 * How far the database's clock may step back without a reader of all teams missing what
 * is recorded then; so long are their entries held back from being called complete.
 */
const clockSlackMs = 500;

/**
 * The time up to which the entries of all teams are complete: none recorded before it can still
 * be committed. It is the database's clock less a slack, or the start of the oldest open append
 * transaction if that is earlier; less what a record time may be older than its transaction. What is
 * read after this call, in a statement of its own, has every entry recorded before the time it returns.
 */
export async function readWatermark(db: Queryable): Promise<Millis> {
  const { rows } = await db.query<{ watermark: Millis; hidden: boolean }>({
    name: "watermark",
    // now() is read before the activity, so a transaction that starts in between is later.
    text: `SELECT date_trunc('milliseconds', least(
          now() - interval '${clockSlackMs} milliseconds',
          min(xact_start)
        ) - interval '${appendLimits.recordTimeLagMs} milliseconds') AS watermark,
        coalesce(bool_or(state = 'disabled' OR backend_type IS NULL), false) AS hidden
      FROM pg_stat_activity
      WHERE datname = current_database() AND application_name = $1 AND pid <> pg_backend_pid()`,
    values: [appendApplicationName],
  });
  const [row] = rows;
  if (row === undefined) throw new Error("the database did not tell its open transactions");
  if (row.hidden) {
    throw new Error(
      "pg_stat_activity hides open transactions: grant pg_read_all_stats to this role, " +
        "and leave track_activities on",
    );
  }
  return row.watermark;
}
