import { readdir } from "node:fs/promises";
import { basename } from "node:path";
import { fileURLToPath } from "node:url";
import { runner } from "node-pg-migrate";
import pg from "pg";

const directory = fileURLToPath(new URL("../../migrations", import.meta.url));
const schema = "control_plane";
const table = "migrations";

/** Session advisory lock that one migrating process of a database holds; the others wait. */
const LOCK_KEY = "4707181463093244268";

/** What a database's schema and this program know of each other, as names of migrations. */
export interface SchemaStatus {
  /** Run on the database, oldest first. */
  readonly applied: readonly string[];
  /** Known to this program and not yet run. */
  readonly pending: readonly string[];
  /** Run on the database by a newer program. */
  readonly unknown: readonly string[];
}

/**
 * Brings a database to this program's schema. Forward only. Each migration is one transaction, so
 * that a failed one leaves nothing behind and those before it stay.
 *
 * Processes that start at once take turns: the later ones wait and then find nothing to do. The
 * connection must be a session of its own, not one behind a transaction-pooling proxy.
 *
 * @returns the names of the migrations that this call ran; empty when there was nothing to do,
 * for which reading rights suffice.
 * @throws Error when the schema is newer than this program; the database's error when a migration
 * fails.
 */
export async function migrateUp(
  connection: pg.ClientConfig,
  log: (line: string) => void,
): Promise<string[]> {
  return withClient(connection, async (client) => {
    await client.query("SET lock_timeout = 0; SET statement_timeout = 0");
    await client.query(`SELECT pg_advisory_lock(${LOCK_KEY})`);
    const status = await readStatus(client);
    if (status.unknown.length > 0) throw new Error(newerMessage(status));
    if (status.pending.length === 0) return [];
    const ran = await runner({
      dbClient: client,
      dir: directory,
      ignorePattern: "(?!.*\\.sql$).*",
      direction: "up",
      migrationsSchema: schema,
      createMigrationsSchema: true,
      migrationsTable: table,
      noLock: true,
      logger: { info: log, warn: log, error: log },
    });
    return ran.map(({ name }) => name);
  });
}

/** Compares a database with this program. Needs reading rights only. */
export async function schemaStatus(connection: pg.ClientConfig): Promise<SchemaStatus> {
  return withClient(connection, readStatus);
}

/**
 * Refuses a schema other than this program's.
 *
 * @throws Error whose message says whether it is older or newer, and what mends that.
 */
export async function requireCurrentSchema(connection: pg.ClientConfig): Promise<void> {
  const status = await schemaStatus(connection);
  if (status.unknown.length > 0) throw new Error(newerMessage(status));
  if (status.pending.length > 0) {
    throw new Error(
      `the database's schema is older than this program (to be run: ${status.pending.join(", ")}); ` +
        "run: annals migrate up",
    );
  }
}

function newerMessage({ unknown }: SchemaStatus): string {
  return (
    "the database's schema is newer than this program " +
    `(it does not know: ${unknown.join(", ")}); upgrade annals`
  );
}

async function readStatus(client: pg.Client): Promise<SchemaStatus> {
  const known = (await readdir(directory))
    .filter((file) => file.endsWith(".sql"))
    .map((file) => basename(file, ".sql"))
    .sort();
  const applied = await readApplied(client);
  return {
    applied,
    pending: known.filter((name) => !applied.includes(name)),
    unknown: applied.filter((name) => !known.includes(name)),
  };
}

async function readApplied(client: pg.Client): Promise<string[]> {
  const { rowCount } = await client.query(
    "SELECT FROM pg_catalog.pg_tables WHERE schemaname = $1 AND tablename = $2",
    [schema, table],
  );
  if (rowCount === 0) return [];
  const { rows } = await client.query<{ name: string }>(
    `SELECT name FROM ${schema}.${table} ORDER BY id`,
  );
  return rows.map(({ name }) => name);
}

async function withClient<T>(
  connection: pg.ClientConfig,
  use: (client: pg.Client) => Promise<T>,
): Promise<T> {
  const client = new pg.Client({ ...connection, connectionTimeoutMillis: 10_000 });
  await client.connect();
  try {
    return await use(client);
  } finally {
    await client.end();
  }
}
