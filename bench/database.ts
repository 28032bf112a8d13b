import { randomBytes } from "node:crypto";
import pg from "pg";
import { migrateUp } from "../src/store/migrate.ts";
import { openPools, type Pools, sessionOptions } from "../src/store/pool.ts";
import { startPostgres } from "../test/support/postgres-server.ts";

/** The PostgreSQL to measure on. */
export interface BenchPostgres extends AsyncDisposable {
  /** Its version. */
  readonly version: string;
  /** Settings that durability and speed depend on, by SHOW in a session like the server's. */
  readonly settings: Readonly<Record<string, string>>;
  /** URL of a database of it, by the role that may create others. */
  readonly url: string;
  /** Makes a database with this program's schema and opens it; it is dropped on dispose. */
  createDatabase(): Promise<BenchDatabase>;
}

/** A database and the server's pools on it. */
export interface BenchDatabase extends AsyncDisposable {
  readonly url: string;
  readonly pools: Pools;
  /** Runs a statement of the bench's own, however long it takes, in a session of its own. */
  execute(sql: string): Promise<Record<string, unknown>[]>;
}

/**
 * The PostgreSQL at `BENCH_DATABASE_URL` (the URL of a role that may create databases), else one
 * with its default settings, from npm, on this machine and for this run.
 */
export async function openPostgres(): Promise<BenchPostgres> {
  const given = process.env.BENCH_DATABASE_URL;
  const own = given ? undefined : await startPostgres();
  const url = given ?? own?.url ?? "";
  const [row] = await execute(url, "SHOW server_version");
  return {
    version: String(row?.server_version),
    settings: await readSettings(url),
    url,
    createDatabase: () => createDatabase(url),
    [Symbol.asyncDispose]: async () => {
      await own?.[Symbol.asyncDispose]();
    },
  };
}

const settings = [
  "fsync",
  "full_page_writes",
  "synchronous_commit",
  "wal_sync_method",
  "shared_buffers",
  "max_wal_size",
  "checkpoint_timeout",
  "max_connections",
];

async function readSettings(url: string): Promise<Record<string, string>> {
  const client = new pg.Client({ connectionString: url, options: sessionOptions });
  await client.connect();
  try {
    const shown: [string, string][] = [];
    for (const name of settings) {
      const { rows } = await client.query<Record<string, string>>(`SHOW ${name}`);
      shown.push([name, String(rows[0]?.[name])]);
    }
    return Object.fromEntries(shown);
  } finally {
    await client.end();
  }
}

async function createDatabase(server: string): Promise<BenchDatabase> {
  const name = `annals_bench_${randomBytes(6).toString("hex")}`;
  await execute(server, `CREATE DATABASE ${name}`);
  await using cleanup = new AsyncDisposableStack();
  cleanup.defer(async () => {
    await execute(server, `DROP DATABASE ${name} WITH (FORCE)`);
  });
  const url = new URL(server);
  url.pathname = `/${name}`;
  const connection = { connectionString: url.href };
  // For all contestants, as Annals' sessions have it, whatever the server's default.
  await execute(server, `ALTER DATABASE ${name} SET synchronous_commit = on`);
  await migrateUp(connection, () => undefined);
  const pools = openPools({ connection, singleSession: false }, 2, (error) => {
    throw error;
  });
  cleanup.defer(() => pools.close());
  const owned = cleanup.move();
  return {
    url: url.href,
    pools,
    execute: (sql) => execute(url.href, sql),
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

async function execute(url: string, sql: string): Promise<Record<string, unknown>[]> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    return (await client.query<Record<string, unknown>>(sql)).rows;
  } finally {
    await client.end();
  }
}
