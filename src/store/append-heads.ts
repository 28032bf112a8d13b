import type pg from "pg";
import type { TeamId } from "../ids.ts";
import type { Millis } from "../log/entry.ts";
import type { Extension, LogEnd } from "../log/extend.ts";
import { BinaryArrays } from "./binary-arrays.ts";
import type { Condition } from "./condition.ts";
import { countsText } from "./counts.ts";
import type { Queryable } from "./pool.ts";

/** Heads within an append: locked, made and grown. */

/** The end of a log, as its head has it. */
export interface HeadRow {
  team_id: TeamId;
  size: bigint;
  last_record_time: Millis | null;
  frontier: Buffer;
  counts: string[];
}

/** Locks the heads of teams, in their order, and reads them. */
export async function lockHeads(
  db: Queryable,
  teams: readonly TeamId[],
  wait: "" | "SKIP LOCKED",
): Promise<HeadRow[]> {
  if (teams.length === 0) return [];
  // One team is a query of its own, which a distributed database can send to one node.
  const [name, condition, value] =
    teams.length === 1
      ? ["lock-one", "team_id = $1", teams[0]]
      : ["lock-many", "team_id = ANY($1::uuid[])", teams];
  const { rows } = await db.query<HeadRow>({
    name: `${name} ${wait}`,
    text: `SELECT team_id, size, last_record_time, frontier, counts FROM control_plane.audit_log_heads
      WHERE ${condition} ORDER BY team_id FOR UPDATE ${wait}`,
    values: [value],
  });
  return rows;
}

/** Of the teams whose heads were not locked, those that have none. */
export async function findMissing(
  session: pg.ClientBase,
  patient: readonly TeamId[],
  impatient: readonly TeamId[],
  heads: ReadonlyMap<TeamId, LogEnd>,
): Promise<TeamId[]> {
  const missing = patient.filter((team) => !heads.has(team));
  const doubtful = impatient.filter((team) => !heads.has(team));
  if (doubtful.length === 0) return missing;
  const { rows } = await session.query<{ team_id: TeamId }>({
    text: "SELECT team_id FROM control_plane.audit_log_heads WHERE team_id = ANY($1::uuid[])",
    values: [doubtful],
  });
  const busy = new Set(rows.map((row) => row.team_id));
  return [...missing, ...doubtful.filter((team) => !busy.has(team))].sort();
}

/** Makes the heads of new teams; if another transaction is just making one, waits for it. */
export async function createHeads(session: pg.ClientBase, teams: readonly TeamId[]): Promise<void> {
  await session.query({
    text: `INSERT INTO control_plane.audit_log_heads (team_id)
      SELECT unnest($1::uuid[]) ON CONFLICT (team_id) DO NOTHING`,
    values: [teams],
  });
}

const growStatement = `UPDATE control_plane.audit_log_heads AS head
  SET size = grown.size, last_record_time = grown.last_record_time, frontier = grown.frontier,
    counts = coalesce(grown.counts::bigint[], head.counts)
  FROM unnest($1::uuid[], $2::bigint[], $3::timestamptz[], $4::bytea[], $5::text[])
    AS grown (team_id, size, last_record_time, frontier, counts)
  WHERE head.team_id = grown.team_id`;

/** Serves all heads, one transaction's after another's. */
const arrays = new BinaryArrays();

/** Stores the new ends of logs in their heads, which are locked. */
export function growHeads(
  db: Queryable,
  ends: Extension["ends"],
  { name, sql }: Condition,
): Promise<pg.QueryResult> {
  const text = `${growStatement} AND ${sql}`;
  return db.query({ name: `grow${name}`, text, values: growValues(ends) });
}

function growValues(ends: Extension["ends"]): Buffer[] {
  const logs = [...ends];
  arrays.reset();
  arrays.begin("uuid", logs.length);
  for (const [teamId] of logs) arrays.uuid(teamId);
  arrays.begin("bigint", logs.length);
  for (const [, { frontier }] of logs) arrays.bigint(frontier.size);
  arrays.begin("timestamptz", logs.length);
  for (const [, { recordTime }] of logs) arrays.timestamptz(recordTime);
  arrays.begin("bytea", logs.length);
  for (const [, { frontier }] of logs) arrays.bytea(Buffer.concat(frontier.hashes));
  arrays.begin("text", logs.length);
  for (const [, { counts }] of logs) arrays.text(counts && countsText(counts));
  return arrays.finish();
}
