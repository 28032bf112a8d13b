import { randomUUID } from "node:crypto";
import pg from "pg";
import type { NewEntry } from "../../src/client/new-entry.ts";
import type { BenchDatabase } from "../database.ts";

/** Sessions of the pool: more would wait for the same disk. */
const sessions = 20;

/** A table that a program writes its audit rows to by itself. */
export interface InsertByHand extends AsyncDisposable {
  /** Inserts a row and waits for its COMMIT. */
  insert(entry: NewEntry): Promise<void>;
}

/** Makes the table in a database, with the columns of an entry and the two indexes that reading needs. */
export async function openInsertByHand(database: BenchDatabase): Promise<InsertByHand> {
  await database.execute(`
    CREATE TABLE audit_by_hand (
      id uuid PRIMARY KEY, team_id uuid NOT NULL, actor_type text NOT NULL, actor_id text NOT NULL,
      actor_name text, resource_type text, resource_id text, resource_name text, action text NOT NULL,
      scope text NOT NULL, status text NOT NULL, metadata jsonb, ip_address inet, user_agent text,
      request_id text, trace_id text, occur_time timestamptz NOT NULL,
      record_time timestamptz NOT NULL DEFAULT now())`);
  await database.execute("CREATE INDEX ON audit_by_hand (team_id, record_time)");
  const pool = new pg.Pool({ connectionString: database.url, max: sessions });
  return {
    insert: async (entry) => {
      await pool.query({ name: "insert", text, values: valuesOf(entry) });
    },
    [Symbol.asyncDispose]: () => pool.end(),
  };
}

const text = `INSERT INTO audit_by_hand (id, team_id, actor_type, actor_id, actor_name, resource_type,
    resource_id, resource_name, action, scope, status, metadata, ip_address, user_agent, request_id,
    trace_id, occur_time)
  VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17)`;

function valuesOf({ teamId, actor, resource, context, metadata, ...entry }: NewEntry): unknown[] {
  return [
    randomUUID(),
    teamId?.replace("team-", ""),
    actor?.type,
    actor?.id,
    actor?.name,
    resource?.type,
    resource?.id,
    resource?.name,
    entry.action,
    entry.scope ?? "team",
    entry.status ?? "success",
    metadata,
    context?.ipAddress,
    context?.userAgent,
    context?.requestId,
    context?.traceId,
    new Date(),
  ];
}
