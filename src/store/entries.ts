import type { EntryId, TeamId } from "../ids.ts";
import type { Entry, Millis } from "../log/entry.ts";
import { type Filter, filterSql, passesEverything, timeText } from "../log/filter.ts";
import type { GlobalPosition } from "../log/position.ts";
import type { Queryable } from "./pool.ts";
import { type EntryRow, entryColumns, entryFromRow } from "./rows.ts";

/** The order of reading: by sequence, or across teams by time, team and sequence. */
export type Order = "newest_first" | "oldest_first";

const noLeaf = Buffer.alloc(0);

/** An entry by its id or its sequence. */
export async function readEntry(
  db: Queryable,
  teamId: TeamId,
  key: { readonly id: EntryId } | { readonly sequence: bigint },
): Promise<Entry | undefined> {
  const [name, condition, value] =
    "id" in key
      ? (["entry-by-id", "id = $2", key.id] as const)
      : (["entry-by-sequence", "sequence = $2", String(key.sequence)] as const);
  const { rows } = await db.query<EntryRow>({
    name,
    text: `SELECT ${entryColumns} FROM control_plane.audit_logs WHERE team_id = $1 AND ${condition}`,
    values: [teamId, value],
  });
  return rows[0] && entryFromRow(rows[0]);
}

/** The leaf hash at a sequence, or undefined if the log holds no such entry. */
export async function readLeafHash(
  db: Queryable,
  teamId: TeamId,
  sequence: bigint,
): Promise<Uint8Array | undefined> {
  const { rows } = await db.query<{ leaf_hash: Buffer }>({
    name: "leaf-hash",
    text: "SELECT leaf_hash FROM control_plane.audit_logs WHERE team_id = $1 AND sequence = $2",
    values: [teamId, String(sequence)],
  });
  return rows[0]?.leaf_hash ?? (sequence === 0n ? noLeaf : undefined);
}

/** A position of a log and the leaf hash of what it holds. */
export interface Leaf {
  readonly sequence: bigint;
  readonly leafHash: Uint8Array;
}

/** The leaf hashes in a window, by sequence; entries that the log no longer holds are left out. */
export async function readLeafHashes(
  db: Queryable,
  teamId: TeamId,
  { from, to }: Window,
): Promise<Leaf[]> {
  const { rows } = await db.query<{ sequence: bigint; leaf_hash: Buffer }>({
    name: "leaf-hashes",
    text: `SELECT sequence, leaf_hash FROM control_plane.audit_logs
      WHERE team_id = $1 AND sequence BETWEEN $2 AND $3 ORDER BY sequence`,
    values: [teamId, String(from), String(to)],
  });
  return rows.map((row) => ({ sequence: row.sequence, leafHash: row.leaf_hash }));
}

/** Positions of one log, both ends included; empty if `to` is less than `from`. */
export interface Window {
  readonly from: bigint;
  readonly to: bigint;
}

/**
 * Up to `limit` entries that pass the filter within the window, in the given order.
 */
export async function readWindow(
  db: Queryable,
  teamId: TeamId,
  window: Window,
  filter: Filter,
  order: Order,
  limit: number,
): Promise<Entry[]> {
  if (window.to < window.from) return [];
  const values: unknown[] = [teamId, String(window.from), String(window.to), limit];
  const conditions = filterSql(filter, values);
  const where = ["team_id = $1", "sequence BETWEEN $2 AND $3", ...conditions].join(" AND ");
  const { rows } = await db.query<EntryRow>({
    // A statement a filter would let callers fill the database's memory with prepared plans.
    ...(passesEverything(filter) ? { name: `window ${order}` } : {}),
    text: `SELECT ${entryColumns} FROM control_plane.audit_logs WHERE ${where}
      ORDER BY sequence ${direction(order)} LIMIT $4`,
    values,
  });
  return rows.map(entryFromRow);
}

/** The entries at these positions, in the given order; those that the log does not hold are left out. */
export async function readEntriesAt(
  db: Queryable,
  teamId: TeamId,
  sequences: readonly bigint[],
  order: Order,
): Promise<Entry[]> {
  if (sequences.length === 0) return [];
  const { rows } = await db.query<EntryRow>({
    name: `entries-at ${order}`,
    text: `SELECT ${entryColumns} FROM control_plane.audit_logs
      WHERE team_id = $1 AND sequence = ANY($2::bigint[]) ORDER BY sequence ${direction(order)}`,
    values: [teamId, sequences.map(String)],
  });
  return rows.map(entryFromRow);
}

/** A stretch of the entries of all teams, in the order of reading; open where nothing is given. */
export interface GlobalWindow {
  /** After this one. */
  readonly beyond?: GlobalPosition | undefined;
  /** Up to and with this one. */
  readonly through?: GlobalPosition | undefined;
  /** Recorded before this time. */
  readonly before?: Millis | undefined;
}

/** Up to `limit` entries of all teams that pass the filter, by time, team and sequence. */
export async function readAcrossTeams(
  db: Queryable,
  window: GlobalWindow,
  filter: Filter,
  order: Order,
  limit: number,
): Promise<Entry[]> {
  const values: unknown[] = [limit];
  const where = and([...filterSql(filter, values), ...windowSql(window, order, values)]);
  const { rows } = await db.query<EntryRow>({
    text: `SELECT ${entryColumns} FROM control_plane.audit_logs ${where}
      ${byTime(order)} LIMIT $1`,
    values,
  });
  return rows.map(entryFromRow);
}

/** The place `count` entries into the window, or undefined if it holds fewer. */
export async function placeWithin(
  db: Queryable,
  window: GlobalWindow,
  order: Order,
  count: number,
): Promise<GlobalPosition | undefined> {
  const values: unknown[] = [count - 1];
  const where = and(windowSql(window, order, values));
  const { rows } = await db.query<Pick<EntryRow, "record_time" | "team_id" | "sequence">>({
    text: `SELECT record_time, team_id, sequence FROM control_plane.audit_logs ${where}
      ${byTime(order)} OFFSET $1 LIMIT 1`,
    values,
  });
  const [row] = rows;
  return row && { recordTime: row.record_time, teamId: row.team_id, sequence: row.sequence };
}

function windowSql(window: GlobalWindow, order: Order, values: unknown[]): string[] {
  const compare = (sign: string, at: GlobalPosition) => {
    const n = values.push(timeText(at.recordTime), at.teamId, String(at.sequence));
    return `(record_time, team_id, sequence) ${sign} ($${n - 2}::timestamptz, $${n - 1}::uuid, $${n}::bigint)`;
  };
  const [after, upTo] = order === "newest_first" ? ["<", ">="] : [">", "<="];
  const conditions: string[] = [];
  if (window.beyond !== undefined) conditions.push(compare(after, window.beyond));
  if (window.through !== undefined) conditions.push(compare(upTo, window.through));
  if (window.before !== undefined) {
    conditions.push(`record_time < $${values.push(timeText(window.before))}::timestamptz`);
  }
  return conditions;
}

function and(conditions: readonly string[]): string {
  return conditions.length === 0 ? "" : `WHERE ${conditions.join(" AND ")}`;
}

function byTime(order: Order): string {
  const by = direction(order);
  return `ORDER BY record_time ${by}, team_id ${by}, sequence ${by}`;
}

/** The order in SQL. */
export function direction(order: Order): "DESC" | "ASC" {
  return order === "newest_first" ? "DESC" : "ASC";
}
