/** What the two naive services have in common: their table and its statements. */
import { create, type JsonObject, type MessageInitShape } from "@bufbuild/protobuf";
import { timestampDate, timestampFromDate } from "@bufbuild/protobuf/wkt";
import pg from "pg";
import {
  ActorType,
  type AuditEntry,
  AuditEntrySchema,
  EntryScope,
  EntryStatus,
} from "../../gen/audit/v1/entry_pb.ts";
import type { ValidEntry } from "./naive-validation.ts";

/** The naive services' table: the columns, checks and indexes of Annals' own, in the same database. */
export const naiveTable = "control_plane.naive_logs";

/** The channel on which each insert is told, with the row's key. */
const channel = "naive_logs";

/** Makes the table. Positions are of one database sequence, since nobody keeps heads; hashes are constant. */
export async function createNaiveTable(databaseUrl: string): Promise<void> {
  const client = new pg.Client({ connectionString: databaseUrl });
  await client.connect();
  try {
    const constant = `sha256('')`;
    await client.query(`
      CREATE TABLE IF NOT EXISTS ${naiveTable} (LIKE control_plane.audit_logs INCLUDING ALL);
      CREATE SEQUENCE IF NOT EXISTS ${naiveTable}_sequence OWNED BY ${naiveTable}.sequence;
      ALTER TABLE ${naiveTable}
        ALTER sequence SET DEFAULT nextval('${naiveTable}_sequence'),
        ALTER record_time SET DEFAULT clock_timestamp(),
        ALTER details_state SET DEFAULT 'present',
        ALTER details_salt SET DEFAULT ${constant},
        ALTER details_digest SET DEFAULT ${constant},
        ALTER leaf_hash SET DEFAULT ${constant}`);
  } finally {
    await client.end();
  }
}

/** A key of a row, as it is notified. */
export interface RowKey {
  readonly teamId: string;
  readonly sequence: string;
}

interface Row {
  id: string;
  team_id: string;
  sequence: string;
  recorder_type: string;
  recorder_id: string;
  actor_type: keyof typeof actorTypes;
  actor_id: string;
  actor_name: string | null;
  resource_type: string | null;
  resource_id: string | null;
  resource_name: string | null;
  action: string;
  scope: keyof typeof scopes;
  status: keyof typeof statuses;
  metadata: JsonObject | null;
  ip_address: string | null;
  user_agent: string | null;
  request_id: string | null;
  trace_id: string | null;
  occur_time: Date | null;
  record_time: Date;
}

const actorTypes = {
  user: ActorType.USER,
  api_key: ActorType.API_KEY,
  service: ActorType.SERVICE,
  system: ActorType.SYSTEM,
  anonymous: ActorType.ANONYMOUS,
} as const;
const scopes = { team: EntryScope.TEAM, admin: EntryScope.ADMIN } as const;
const statuses = {
  success: EntryStatus.SUCCESS,
  info: EntryStatus.INFO,
  warning: EntryStatus.WARNING,
  error: EntryStatus.ERROR,
} as const;

/** One statement, so one round trip and one transaction: the row and its notification. */
const insertText = `WITH inserted AS (
    INSERT INTO ${naiveTable} (id, team_id, recorder_type, recorder_id, actor_type, actor_id,
      actor_name, resource_type, resource_id, resource_name, action, scope, status, metadata,
      ip_address, user_agent, request_id, trace_id, occur_time)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19)
    RETURNING sequence, record_time)
  SELECT sequence, record_time, pg_notify('${channel}', $2::text || '/' || sequence) FROM inserted`;

/** What a filter may name, each as a list of wanted values. */
export interface NaiveFilter {
  readonly resourceTypes: readonly string[];
  readonly resourceIds: readonly string[];
  readonly actions: readonly string[];
  readonly actorIds: readonly string[];
  readonly requestIds: readonly string[];
}

const filterColumns = {
  resourceTypes: "resource_type",
  resourceIds: "resource_id",
  actions: "action",
  actorIds: "actor_id",
  requestIds: "request_id",
} as const;

/** The table, by a pool of sessions. */
export class NaiveStore {
  readonly #pool: pg.Pool;
  readonly #listener: pg.Client;

  /** `sessions` was tried out: more wait for the same two cores. */
  constructor(databaseUrl: string, sessions: number) {
    this.#pool = new pg.Pool({ connectionString: databaseUrl, max: sessions });
    this.#listener = new pg.Client({ connectionString: databaseUrl });
  }

  /** Listens for rows that are inserted, by any replica. */
  async listen(onRow: (key: RowKey) => void): Promise<void> {
    await this.#listener.connect();
    this.#listener.on("notification", ({ payload = "" }) => {
      const [teamId = "", sequence = ""] = payload.split("/");
      onRow({ teamId, sequence });
    });
    await this.#listener.query(`LISTEN ${channel}`);
  }

  /** Inserts a row and tells of it; answers with what the database gave it. */
  async insert(entry: ValidEntry): Promise<{ sequence: bigint; recordTime: Date }> {
    const { rows } = await this.#pool.query<{ sequence: string; record_time: Date }>({
      name: "insert",
      text: insertText,
      values: [
        entry.id,
        entry.teamId,
        entry.recorder.type,
        entry.recorder.id,
        entry.actor.type,
        entry.actor.id,
        entry.actor.name,
        entry.resource?.type,
        entry.resource?.id,
        entry.resource?.name,
        entry.action,
        entry.scope,
        entry.status,
        entry.metadata === undefined ? null : JSON.stringify(entry.metadata),
        entry.context?.ipAddress,
        entry.context?.userAgent,
        entry.context?.requestId,
        entry.context?.traceId,
        entry.occurTime === undefined ? null : timestampDate(entry.occurTime),
      ],
    });
    const [row] = rows;
    if (row === undefined) throw new Error("nothing was inserted");
    return { sequence: BigInt(row.sequence), recordTime: row.record_time };
  }

  /** The row that a notification told of. */
  async read({ teamId, sequence }: RowKey): Promise<AuditEntry | undefined> {
    const { rows } = await this.#pool.query<Row>({
      name: "read",
      text: `SELECT * FROM ${naiveTable} WHERE team_id = $1 AND sequence = $2`,
      values: [teamId, sequence],
    });
    return rows[0] && create(AuditEntrySchema, messageFrom(rows[0]));
  }

  /** A page by its offset, newest first, and how many rows there are in all. */
  async list(
    teamId: string,
    filter: NaiveFilter,
    offset: number,
    limit: number,
  ): Promise<{ entries: AuditEntry[]; total: number }> {
    const values: unknown[] = [teamId];
    const conditions = ["team_id = $1"];
    for (const [field, column] of Object.entries(filterColumns)) {
      const wanted = filter[field as keyof NaiveFilter];
      if (wanted.length > 0) conditions.push(`${column} = ANY($${values.push(wanted)})`);
    }
    const where = conditions.join(" AND ");
    const [counted, page] = await Promise.all([
      this.#pool.query<{ total: string }>({
        text: `SELECT count(*) AS total FROM ${naiveTable} WHERE ${where}`,
        values,
      }),
      this.#pool.query<Row>({
        text: `SELECT * FROM ${naiveTable} WHERE ${where}
          ORDER BY sequence DESC LIMIT ${limit} OFFSET ${offset}`,
        values,
      }),
    ]);
    return {
      entries: page.rows.map((row) => create(AuditEntrySchema, messageFrom(row))),
      total: Number(counted.rows[0]?.total),
    };
  }

  async close(): Promise<void> {
    await Promise.all([this.#pool.end(), this.#listener.end()]);
  }
}

function messageFrom(row: Row): MessageInitShape<typeof AuditEntrySchema> {
  const text = (value: string | null) => value ?? "";
  return {
    id: `log-${row.id}`,
    teamId: `team-${row.team_id}`,
    sequence: BigInt(row.sequence),
    recorder: { type: row.recorder_type, id: row.recorder_id },
    actor: { type: actorTypes[row.actor_type], id: row.actor_id, name: text(row.actor_name) },
    ...(row.resource_type !== null && {
      resource: {
        type: row.resource_type,
        id: text(row.resource_id),
        name: text(row.resource_name),
      },
    }),
    action: row.action,
    scope: scopes[row.scope],
    status: statuses[row.status],
    ...(row.metadata !== null && { metadata: row.metadata }),
    context: {
      ipAddress: text(row.ip_address),
      userAgent: text(row.user_agent),
      requestId: text(row.request_id),
      traceId: text(row.trace_id),
    },
    ...(row.occur_time !== null && { occurTime: timestampFromDate(row.occur_time) }),
    recordTime: timestampFromDate(row.record_time),
  };
}
