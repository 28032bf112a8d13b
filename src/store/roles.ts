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
