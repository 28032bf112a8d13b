import { Socket } from "node:net";
import type pg from "pg";
import type { Config } from "../config.ts";
import { openEmbedded } from "../store/embedded.ts";
import { migrateUp, requireCurrentSchema } from "../store/migrate.ts";
import type { Database } from "../store/pool.ts";
import { requireServiceRights } from "../store/roles.ts";

/** A database ready for use. */
export interface OpenDatabase {
  readonly database: Database;
  /** Resolves with the cause if an embedded database dies by itself. */
  readonly failed: Promise<Error>;
  /** Breaks every session, so that nothing waits any longer for a database that is silent. */
  breakSessions(): void;
  close(): Promise<void>;
}

/**
 * Opens the configured database. An embedded one is made and migrated as needed.
 *
 * @throws Error if a PostgreSQL's schema is not this program's, or its user may not write to all of it,
 *   saying which command mends that;
 *   or if another server has the data directory.
 */
export async function openDatabase(config: Config["database"]): Promise<OpenDatabase> {
  if ("url" in config) {
    const connection = { connectionString: config.url };
    await requireCurrentSchema(connection);
    await requireServiceRights(connection);
    const breakable = withBreakableSessions(connection);
    return {
      database: { connection: breakable.connection, singleSession: false },
      failed: new Promise(() => undefined),
      breakSessions: breakable.breakSessions,
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
  const breakable = withBreakableSessions(embedded.connection);
  return {
    database: { connection: breakable.connection, singleSession: true },
    failed: embedded.failed,
    breakSessions: breakable.breakSessions,
    close: () => embedded.close(),
  };
}

/** The connection, and a way to break all sessions that are ever made with it. */
function withBreakableSessions(
  connection: pg.ClientConfig,
): Pick<OpenDatabase, "breakSessions"> & { readonly connection: pg.ClientConfig } {
  const sockets = new Set<Socket>();
  const stream = () => {
    const socket = new Socket();
    sockets.add(socket);
    socket.once("close", () => sockets.delete(socket));
    return socket;
  };
  return {
    connection: { ...connection, stream },
    breakSessions: () => {
      for (const socket of sockets) socket.destroy();
    },
  };
}
