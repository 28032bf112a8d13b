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
import { encodedBytes } from "../log/size.ts";
import { BinaryArrays, type ElementType } from "./binary-arrays.ts";

/**
 * The columns of `audit_logs` in the order in which they are written: the type that an entry's value is
 * sent as, how it is written, and the cast that is left to do where the type is not the column's.
 */
const columns = {
  team_id: ["uuid", (to, { teamId }) => to.uuid(teamId)],
  sequence: ["bigint", (to, { sequence }) => to.bigint(sequence)],
  id: ["uuid", (to, { id }) => to.uuid(id)],
  recorder_type: ["text", (to, { recorder }) => to.text(recorder.type)],
  recorder_id: ["text", (to, { recorder }) => to.text(recorder.id)],
  actor_type: ["text", (to, { actor }) => to.text(actor.type)],
  actor_id: ["text", (to, { actor }) => to.text(actor.id)],
  actor_name: ["text", (to, { details }) => to.text(details.actorName)],
  resource_type: ["text", (to, { resource }) => to.text(resource?.type)],
  resource_id: ["text", (to, { resource }) => to.text(resource?.id)],
  resource_name: ["text", (to, { details }) => to.text(details.resourceName)],
  action: ["text", (to, { action }) => to.text(action)],
  scope: ["text", (to, { scope }) => to.text(scope)],
  status: ["text", (to, { status }) => to.text(status)],
  metadata: ["text", (to, { details }) => to.text(jsonText(details.metadata)), "::jsonb"],
  ip_address: ["text", (to, { details }) => to.text(details.ipAddress), "::inet"],
  user_agent: ["text", (to, { details }) => to.text(details.userAgent)],
  request_id: ["text", (to, { details }) => to.text(details.requestId)],
  trace_id: ["text", (to, { details }) => to.text(details.traceId)],
  occur_time: ["timestamptz", (to, { occurTime }) => to.timestamptz(occurTime)],
  record_time: ["timestamptz", (to, { recordTime }) => to.timestamptz(recordTime)],
  details_state: ["text", (to, { detailsState }) => to.text(detailsState)],
  details_salt: ["bytea", (to, { detailsSalt }) => to.bytea(detailsSalt)],
  details_digest: ["bytea", (to, { detailsDigest }) => to.bytea(detailsDigest)],
  leaf_hash: ["bytea", (to, { leafHash }) => to.bytea(leafHash)],
} as const satisfies Record<
  string,
  readonly [type: ElementType, write: (to: BinaryArrays, entry: Entry) => void, cast?: string]
>;

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

/**
 * The statement that inserts entries, one array a column ({@link insertValues}). The arrays are unnested
 * side by side as they are selected, not by a FROM, which would write each into a store of its own first:
 * with the text that they were sent as, that was half of what an insert cost the database.
 */
export const insertStatement = `INSERT INTO control_plane.audit_logs (${names.join(", ")})
  SELECT ${names
    .map((name, i) => {
      const [type, , cast = ""] = columns[name] as readonly [string, unknown, string?];
      return `unnest($${i + 1}::${type}[])${cast}`;
    })
    .join(", ")}`;

/** Serves all inserts, one after another. */
const arrays = new BinaryArrays();

/** The parameters of {@link insertStatement} for entries, one at least: a binary array for each column. */
export function insertValues(entries: readonly Entry[]): Buffer[] {
  arrays.reset();
  for (const name of names) {
    const [type, write] = columns[name];
    arrays.begin(type, entries.length);
    for (const entry of entries) write(arrays, entry);
  }
  return arrays.finish();
}

function jsonText(metadata: JsonObject | undefined): string | undefined {
  return metadata === undefined ? undefined : JSON.stringify(metadata);
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
