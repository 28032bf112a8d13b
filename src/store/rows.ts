import type { EntryId, TeamId } from "../ids.ts";
import type {
  ActorType,
  Details,
  DetailsState,
  Entry,
  JsonObject,
  Millis,
  RecorderType,
  Scope,
  Status,
} from "../log/entry.ts";
import { timeText } from "../log/filter.ts";
import { encodedBytes } from "../log/size.ts";

/** The columns of `audit_logs`, in the order in which they are written, and their types. */
const columns = {
  team_id: "uuid",
  sequence: "bigint",
  id: "uuid",
  recorder_type: "text",
  recorder_id: "text",
  actor_type: "text",
  actor_id: "text",
  actor_name: "text",
  resource_type: "text",
  resource_id: "text",
  resource_name: "text",
  action: "text",
  scope: "text",
  status: "text",
  metadata: "jsonb",
  ip_address: "inet",
  user_agent: "text",
  request_id: "text",
  trace_id: "text",
  occur_time: "timestamptz",
  record_time: "timestamptz",
  details_state: "text",
  details_salt: "bytea",
  details_digest: "bytea",
  leaf_hash: "bytea",
} as const;

const names = Object.keys(columns) as (keyof typeof columns)[];

/** A row of `audit_logs` as the driver reads it. */
export interface EntryRow {
  team_id: TeamId;
  sequence: bigint;
  id: EntryId;
  recorder_type: RecorderType;
  recorder_id: string;
  actor_type: ActorType;
  actor_id: string;
  actor_name: string | null;
  resource_type: string | null;
  resource_id: string | null;
  resource_name: string | null;
  action: string;
  scope: Scope;
  status: Status;
  metadata: JsonObject | null;
  ip_address: string | null;
  user_agent: string | null;
  request_id: string | null;
  trace_id: string | null;
  occur_time: Millis | null;
  record_time: Millis;
  details_state: DetailsState;
  details_salt: Buffer | null;
  details_digest: Buffer;
  leaf_hash: Buffer;
}

/** What to SELECT for {@link entryFromRow}. */
export const entryColumns = names.join(", ");

/** The statement that inserts entries, one text array a column ({@link insertValues}). */
export const insertStatement = `INSERT INTO control_plane.audit_logs (${names.join(", ")})
  SELECT ${names.map((name) => `${name}::${columns[name]}`).join(", ")}
  FROM unnest(${names.map((_, i) => `$${i + 1}::text[]`).join(", ")}) AS entry (${names.join(", ")})`;

/** The parameters of {@link insertStatement}: for each column the entries' values as text. */
export function insertValues(entries: readonly Entry[]): (string | null)[][] {
  const values: (string | null)[][] = names.map(() => []);
  for (const entry of entries) {
    const row = rowValues(entry);
    for (let i = 0; i < row.length; i++) values[i]?.push(row[i] ?? null);
  }
  return values;
}

/** In the order of `columns`. */
function rowValues(entry: Entry): (string | null | undefined)[] {
  const { details } = entry;
  return [
    entry.teamId,
    String(entry.sequence),
    entry.id,
    entry.recorder.type,
    entry.recorder.id,
    entry.actor.type,
    entry.actor.id,
    details.actorName,
    entry.resource?.type,
    entry.resource?.id,
    details.resourceName,
    entry.action,
    entry.scope,
    entry.status,
    details.metadata === undefined ? null : JSON.stringify(details.metadata),
    details.ipAddress,
    details.userAgent,
    details.requestId,
    details.traceId,
    entry.occurTime === undefined ? null : timeText(entry.occurTime),
    timeText(entry.recordTime),
    entry.detailsState,
    entry.detailsSalt === undefined ? null : bytea(entry.detailsSalt),
    bytea(entry.detailsDigest),
    bytea(entry.leafHash),
  ];
}

/** An entry from its row. */
export function entryFromRow(row: EntryRow): Entry {
  const entry = {
    id: row.id,
    teamId: row.team_id,
    sequence: row.sequence,
    recorder: { type: row.recorder_type, id: row.recorder_id },
    actor: { type: row.actor_type, id: row.actor_id },
    ...(row.resource_type === null
      ? {}
      : {
          resource: {
            type: row.resource_type,
            ...(row.resource_id === null ? {} : { id: row.resource_id }),
          },
        }),
    action: row.action,
    scope: row.scope,
    status: row.status,
    ...(row.occur_time === null ? {} : { occurTime: row.occur_time }),
    recordTime: row.record_time,
    details: detailsFromRow(row),
    detailsState: row.details_state,
    ...(row.details_salt === null ? {} : { detailsSalt: row.details_salt }),
    detailsDigest: row.details_digest,
    leafHash: row.leaf_hash,
  };
  return { ...entry, bytes: encodedBytes(entry) };
}

function detailsFromRow(row: EntryRow): Details {
  return {
    ...(row.actor_name === null ? {} : { actorName: row.actor_name }),
    ...(row.resource_name === null ? {} : { resourceName: row.resource_name }),
    ...(row.metadata === null ? {} : { metadata: row.metadata }),
    ...(row.ip_address === null ? {} : { ipAddress: row.ip_address }),
    ...(row.user_agent === null ? {} : { userAgent: row.user_agent }),
    ...(row.request_id === null ? {} : { requestId: row.request_id }),
    ...(row.trace_id === null ? {} : { traceId: row.trace_id }),
  };
}

function bytea(bytes: Uint8Array): string {
  return `\\x${Buffer.from(bytes).toString("hex")}`;
}
