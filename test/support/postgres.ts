import { randomBytes } from "node:crypto";
import { setTimeout as delay } from "node:timers/promises";
import pg from "pg";
import { inject } from "vitest";

export { type OwnPostgres, type PostgresOptions, startPostgres } from "./postgres-server.ts";

declare module "vitest" {
  interface ProvidedContext {
    /** Superuser's URL of the run's PostgreSQL. */
    postgresUrl: string;
    /** Migrated database that a test's own is copied from; its name begins all the run's names. */
    postgresTemplate: string;
  }
}

/** A migrated, empty database for one test. */
export interface TestDatabase extends AsyncDisposable {
  /** Superuser's URL. */
  readonly url: string;
  readonly name: string;
  /**
   * Removes the database.
   *
   * @throws Error naming the sessions that are still open after a moment's grace: whoever opened
   * them has not closed them. The database is gone all the same.
   */
  drop(): Promise<void>;
}

const SESSIONS_CLOSE_WITHIN_MS = 2_000;
const OBJECT_IN_USE = "55006";

/** Makes a database of its own for a test. Use `await using`, or `drop` it in the end. */
export async function createDatabase(): Promise<TestDatabase> {
  const template = inject("postgresTemplate");
  const name = `${template}_${randomBytes(6).toString("hex")}`;
  await copyTemplate(name, template);
  const url = new URL(inject("postgresUrl"));
  url.pathname = `/${name}`;
  const drop = (): Promise<void> => dropDatabase(name);
  return { url: url.href, name, drop, [Symbol.asyncDispose]: drop };
}

async function copyTemplate(name: string, template: string): Promise<void> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      await administrate((client) => client.query(`CREATE DATABASE ${name} TEMPLATE ${template}`));
      return;
    } catch (error) {
      // Somebody else's copying, or autovacuum, can be in the template for a moment.
      const inUse = error instanceof pg.DatabaseError && error.code === OBJECT_IN_USE;
      if (!inUse || attempt === 20) throw error;
      await delay(100);
    }
  }
}

async function dropDatabase(name: string): Promise<void> {
  const open = await administrate(async (client) => {
    const deadline = Date.now() + SESSIONS_CLOSE_WITHIN_MS;
    for (;;) {
      const { rows } = await client.query<{ session: string }>(
        `SELECT format('%s (%s): %s', application_name, state, left(query, 200)) AS session
         FROM pg_stat_activity
         WHERE datname = $1 AND backend_type = 'client backend'`,
        [name],
      );
      if (rows.length > 0 && Date.now() < deadline) {
        await delay(20);
        continue;
      }
      await client.query(`DROP DATABASE IF EXISTS ${name} WITH (FORCE)`);
      return rows.map(({ session }) => session);
    }
  });
  if (open.length > 0) {
    throw new Error(`sessions left open on the test's database:\n${open.join("\n")}`);
  }
}

async function administrate<T>(use: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client({ connectionString: inject("postgresUrl") });
  await client.connect();
  try {
    return await use(client);
  } finally {
    await client.end();
  }
}
