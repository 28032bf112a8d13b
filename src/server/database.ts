import type { Config } from "../config.ts";
import { openEmbedded } from "../store/embedded.ts";
import { migrateUp, requireCurrentSchema } from "../store/migrate.ts";
import type { Database } from "../store/pool.ts";

/** A database ready for use. */
export interface OpenDatabase {
  readonly database: Database;
  /** Resolves with the cause if an embedded database dies by itself. */
  readonly failed: Promise<Error>;
  close(): Promise<void>;
}

/**
 * Opens the configured database. An embedded one is made and migrated as needed.
 *
 * @throws Error if a PostgreSQL's schema is not this program's, saying which command mends that;
 *   or if another server has the data directory.
 */
export async function openDatabase(config: Config["database"]): Promise<OpenDatabase> {
  if ("url" in config) {
    const connection = { connectionString: config.url };
    await requireCurrentSchema(connection);
    return {
      database: { connection, singleSession: false },
      failed: new Promise(() => undefined),
      close: () => Promise.resolve(),
    };
  }
  const embedded = await openEmbedded(config.dataDir);
  try {
    await migrateUp(embedded.connection, () => undefined);
  } catch (error) {
    await embedded.close();
    throw error;
  }
  return {
    database: { connection: embedded.connection, singleSession: true },
    failed: embedded.failed,
    close: () => embedded.close(),
  };
}
