import { readFile } from "node:fs/promises";
import { setTimeout as delay } from "node:timers/promises";
import pg from "pg";

const file = new URL("../../migrations/optional/roles.sql", import.meta.url);

/**
 * SQLSTATEs with which PostgreSQL answers when two sessions change one catalogue row at once:
 * `tuple concurrently updated` and a duplicate membership.
 */
const COLLISIONS = new Set(["XX000", "23505"]);
const ATTEMPTS = 10;

/**
 * Makes the group roles `annals_service` (appends and reads) and `annals_maintenance` (erases
 * details, prunes) and gives them their rights to a migrated database, in one transaction. They
 * cannot log in: grant them to users that can. Repeating it changes nothing.
 *
 * @throws the database's error when the connection's user may not make roles, grant
 * `pg_read_all_stats` or grant rights to Annals' tables.
 */
export async function createRoles(connection: pg.ClientConfig): Promise<void> {
  const sql = await readFile(file, "utf8");
  const client = new pg.Client(connection);
  await client.connect();
  try {
    for (let attempt = 1; ; attempt += 1) {
      try {
        // One simple query of several statements is one transaction.
        await client.query(sql);
        return;
      } catch (error) {
        const collided = error instanceof pg.DatabaseError && COLLISIONS.has(error.code ?? "");
        if (!collided || attempt === ATTEMPTS) throw error;
        await delay(20 * attempt * Math.random());
      }
    }
  } finally {
    await client.end();
  }
}

/**
 * Makes sure that the connection's user may write what a server writes. Without this a table that a
 * migration has added would be missed by the first append that needs it, and by all behind it.
 *
 * @throws Error that names the tables, and what mends that.
 */
export async function requireServiceRights(connection: pg.ClientConfig): Promise<void> {
  const client = new pg.Client(connection);
  await client.connect();
  try {
    const { rows } = await client.query<{ name: string }>(
      `SELECT relname AS name FROM pg_class
       WHERE relnamespace = 'control_plane'::regnamespace AND relkind IN ('r', 'p')
         AND relname <> 'migrations' AND NOT has_table_privilege(oid, 'INSERT')
       ORDER BY relname`,
    );
    if (rows.length === 0) return;
    const tables = rows.map(({ name }) => name).join(", ");
    throw new Error(`the database's user may not insert into ${tables}; run: annals migrate roles`);
  } finally {
    await client.end();
  }
}
