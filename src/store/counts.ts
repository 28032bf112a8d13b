import type pg from "pg";
import type { TeamId } from "../ids.ts";
import type { Buckets } from "../log/buckets.ts";
import {
  type CountedTo,
  type Counts,
  countStride,
  difference,
  kinds,
  noCounts,
  sum,
} from "../log/counts.ts";
import type { Millis, Scope, Status } from "../log/entry.ts";
import { type Filter, filterSql, timeText } from "../log/filter.ts";
import type { Condition } from "./condition.ts";
import type { Window } from "./entries.ts";
import type { Queryable } from "./pool.ts";

/** Stores counts of logs, in the transaction that appends what they count. */
export function insertCounts(
  db: Queryable,
  countedTo: readonly CountedTo[],
  { name, sql }: Condition,
): Promise<pg.QueryResult> {
  return db.query({
    name: `counts${name}`,
    text: `INSERT INTO control_plane.audit_log_counts (team_id, record_time, size, counts)
      SELECT team_id, record_time, size, counts::bigint[]
      FROM unnest($1::uuid[], $2::text[]::timestamptz[], $3::bigint[], $4::text[])
        AS counted (team_id, record_time, size, counts)
      WHERE ${sql}`,
    values: [
      countedTo.map(({ teamId }) => teamId),
      countedTo.map(({ recordTime }) => timeText(recordTime)),
      countedTo.map(({ size }) => String(size)),
      countedTo.map(({ counts }) => countsText(counts)),
    ],
  });
}

/** Counts as PostgreSQL reads an array of them. */
export function countsText(counts: Counts): string {
  return `{${counts.join()}}`;
}

/** The times of a log's entries, and the database's own. */
export interface Extent {
  /** When the first entry that it still holds was recorded; absent if it holds none. */
  readonly first?: Millis;
  /** When the newest was; absent if there is none. */
  readonly last?: Millis;
  readonly now: Millis;
}

/** When the entries that a log holds were recorded. */
export async function readExtent(db: Queryable, teamId: TeamId): Promise<Extent> {
  const { rows } = await db.query<{ first: Millis | null; last: Millis | null; now: Millis }>({
    name: "extent",
    text: `SELECT entry.record_time AS first, head.last_record_time AS last,
        date_trunc('milliseconds', clock_timestamp()) AS now
      FROM (SELECT $1::uuid AS team_id) AS team
      LEFT JOIN control_plane.audit_log_heads AS head ON head.team_id = team.team_id
      LEFT JOIN control_plane.audit_logs AS entry
        ON entry.team_id = team.team_id AND entry.sequence = head.first_sequence`,
    values: [teamId],
  });
  const [row] = rows;
  if (row === undefined) throw new Error("the database did not tell the time");
  return {
    ...(row.first === null ? {} : { first: row.first }),
    ...(row.last === null ? {} : { last: row.last }),
    now: row.now,
  };
}

/** How many entries there are of each kind, as columns of an aggregate. */
const countColumns = `ARRAY[${kinds
  .map(({ status, scope }) => `count(*) FILTER (WHERE status = '${status}' AND scope = '${scope}')`)
  .join(", ")}]`;

interface SumRow {
  n: bigint;
  stored: string[] | null;
  counted: string[];
  /** Whether the entry that the sum was stored with is where and when the sum says. */
  sound: boolean | null;
}

/**
 * For each time, how many of the entries that the log still holds were recorded before it. All are
 * of one snapshot. Undefined if the counts that are stored are not those of the log, which was meddled
 * with or restored in part: the head's do not add up to its size, or a sum that is needed is missing
 * or another log's. So for a team without a log.
 *
 * Each is the last stored sum before the time, and the fewer than {@link countStride} entries after
 * it that are read and counted. Of a log that was pruned, the sum at its first entry is taken off:
 * the next one stored, less the entries between.
 */
export async function countBefore(
  db: Queryable,
  teamId: TeamId,
  times: readonly Millis[],
): Promise<Counts[] | undefined> {
  const { rows } = await db.query<SumRow>({
    name: "count-before",
    // LIMIT, not a range of sequences, tells the planner how little is read.
    text: `WITH log AS MATERIALIZED (
        SELECT size, first_sequence, counts FROM control_plane.audit_log_heads
        WHERE team_id = $1 AND size = (SELECT sum(count) FROM unnest(counts) AS count)
      )
      SELECT 0 AS n, coalesce(next.counts, log.counts) AS stored, pruned_to.counts AS counted,
        coalesce(next.size, log.size) - log.first_sequence < $3
          AND (next.size IS NULL OR next.record_time = (
            SELECT record_time FROM control_plane.audit_logs
            WHERE team_id = $1 AND sequence = next.size
          )) AS sound
      FROM log
      LEFT JOIN control_plane.audit_logs AS first
        ON first.team_id = $1 AND first.sequence = log.first_sequence
      LEFT JOIN LATERAL (
        SELECT size, record_time, counts FROM control_plane.audit_log_counts
        WHERE team_id = $1 AND (record_time, size) >= (first.record_time, log.first_sequence)
        ORDER BY record_time, size LIMIT 1
      ) AS next ON true
      CROSS JOIN LATERAL (
        SELECT ${countColumns} AS counts FROM (
          SELECT status, scope, sequence FROM control_plane.audit_logs
          WHERE team_id = $1 AND sequence >= log.first_sequence
          ORDER BY sequence LIMIT $3
        ) AS entry
        WHERE sequence <= coalesce(next.size, log.size)
      ) AS pruned_to
      WHERE log.first_sequence > 1
      UNION ALL
      SELECT edge.n, before.counts, after.counts,
        last.size IS NULL OR last.size < log.first_sequence OR last.record_time = (
          SELECT record_time FROM control_plane.audit_logs
          WHERE team_id = $1 AND sequence = last.size
        )
      FROM log
      CROSS JOIN unnest($2::text[]::timestamptz[]) WITH ORDINALITY AS edge (time, n)
      LEFT JOIN LATERAL (
        SELECT size, record_time, counts FROM control_plane.audit_log_counts
        WHERE team_id = $1 AND record_time < edge.time
        ORDER BY record_time DESC, size DESC LIMIT 1
      ) AS last ON true
      LEFT JOIN LATERAL (
        SELECT last.size, last.counts WHERE last.size >= log.first_sequence - 1
      ) AS before ON true
      CROSS JOIN LATERAL (
        SELECT ${countColumns} AS counts FROM (
          SELECT status, scope, record_time FROM control_plane.audit_logs
          WHERE team_id = $1 AND sequence > coalesce(before.size, log.first_sequence - 1)
          ORDER BY sequence LIMIT $3
        ) AS entry
        WHERE record_time < edge.time
      ) AS after`,
    values: [teamId, times.map(timeText), countStride],
  });
  if (rows.length < times.length || !rows.every(isSound)) return undefined;
  const held: (Counts | undefined)[] = times.map(() => undefined);
  let pruned = noCounts;
  for (const { n, stored, counted } of rows) {
    if (n === 0n) pruned = difference(numbers(stored), numbers(counted));
  }
  for (const { n, stored, counted } of rows) {
    if (n === 0n) continue;
    // Without a stored sum the log was counted from its first entry.
    const before = stored === null ? noCounts : difference(numbers(stored), pruned);
    held[Number(n) - 1] = sum(before, numbers(counted));
  }
  return held.map((counts) => counts ?? noCounts);
}

/** Behind a sum there are fewer entries than a stride, or the next sum is missing. */
function isSound({ n, counted, sound }: SumRow): boolean {
  const read = numbers(counted).reduce((all, count) => all + count, 0);
  return sound === true && (n === 0n || read < countStride);
}

function numbers(counts: readonly string[] | null): Counts {
  return counts?.map(Number) ?? noCounts;
}

/** How many entries of a kind were recorded in one bucket. */
export interface BucketCount {
  /** When the bucket begins. */
  readonly start: Millis;
  readonly status: Status;
  readonly scope: Scope;
  readonly count: number;
}

/** Reads the entries of a window and counts those that pass the filter. */
export async function countWindow(
  db: Queryable,
  teamId: TeamId,
  window: Window,
  filter: Filter,
  { start, widthMs }: Buckets,
): Promise<BucketCount[]> {
  const width = `${widthMs} milliseconds`;
  const values: unknown[] = [
    teamId,
    String(window.from),
    String(window.to),
    width,
    timeText(start),
  ];
  const conditions = filterSql(filter, values);
  const where = ["team_id = $1", "sequence BETWEEN $2 AND $3", ...conditions].join(" AND ");
  const { rows } = await db.query<Omit<BucketCount, "count"> & { count: bigint }>({
    // No name, as for readWindow.
    text: `SELECT date_bin($4::interval, record_time, $5::timestamptz) AS start, status, scope,
        count(*) AS count
      FROM control_plane.audit_logs WHERE ${where} GROUP BY 1, 2, 3`,
    values,
  });
  return rows.map((row) => ({ ...row, count: Number(row.count) }));
}

/** When the entry at a sequence was recorded; undefined if the log holds none there. */
export async function readRecordTime(
  db: Queryable,
  teamId: TeamId,
  sequence: bigint,
): Promise<Millis | undefined> {
  const { rows } = await db.query<{ record_time: Millis }>({
    name: "record-time",
    text: "SELECT record_time FROM control_plane.audit_logs WHERE team_id = $1 AND sequence = $2",
    values: [teamId, String(sequence)],
  });
  return rows[0]?.record_time;
}
