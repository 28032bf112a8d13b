import pg from "pg";
import { parseExactJson } from "../log/exact-json.ts";

/** How to reach the database: what the driver takes, and how many sessions it may have. */
export interface Database {
  readonly connection: pg.ClientConfig;
  /** One session for everything: the embedded database has a single backend. */
  readonly singleSession: boolean;
}

/** What runs one statement: a pool, or a session within a transaction. */
export interface Queryable {
  query<Row extends pg.QueryResultRow>(query: pg.QueryConfig): Promise<pg.QueryResult<Row>>;
}

/**
 * Values as the domain wants them: bigint as BigInt, timestamptz as whole milliseconds, jsonb with its
 * keys as they are, the rest as the driver reads it.
 */
export const columnTypes: pg.CustomTypesConfig = {
  getTypeParser: ((oid: number, format?: "text" | "binary") => {
    if (format === "binary") return pg.types.getTypeParser(oid, "binary");
    if (oid === pg.types.builtins.INT8) return BigInt;
    if (oid === pg.types.builtins.TIMESTAMPTZ) return parseTimestamp;
    if (oid === pg.types.builtins.JSONB) return parseExactJson;
    return pg.types.getTypeParser(oid, "text");
  }) as typeof pg.types.getTypeParser,
};

/** Sessions are in UTC with ISO dates, so `2026-03-01 12:00:00.123+00` is what comes. */
function parseTimestamp(text: string): number {
  return Date.parse(text.replace(" ", "T").replace(/\+00$/, "Z"));
}

/**
 * What every session starts with, whatever the server's or the role's defaults. Compiling a statement
 * takes longer than any here runs, and those of a filter are planned each time.
 */
export const sessionOptions =
  "-c timezone=UTC -c datestyle=ISO -c synchronous_commit=on -c jit=off -c default_transaction_isolation=read\\ committed";

/**
 * What appending sessions have besides. Their statements are looked up by keys, whatever the values, so one
 * plan does for all; and a plan made while a table is a page or two would go on reading all of it.
 */
const appendingOptions = "-c plan_cache_mode=force_generic_plan -c enable_seqscan=off";

/**
 * How long an append's transaction may take, from PostgreSQL 17 on. Nothing else ends one whose client has
 * frozen between the statements of one Sync.
 */
const transactionTimeout = "15s";

async function limitTransactions(session: pg.ClientBase): Promise<void> {
  await session.query(
    "SELECT set_config(name, $1, false) FROM pg_settings WHERE name = 'transaction_timeout'",
    [transactionTimeout],
  );
}

/** The sessions of a replica. With an embedded database both pools are one session. */
export interface Pools {
  /** For reading: each statement on its own. */
  readonly read: pg.Pool;
  /** For transactions: `connect()` one, and release it with its error if it failed. */
  readonly write: pg.Pool;
  close(): Promise<void>;
}

/** The name of appending sessions in `pg_stat_activity`, by which open appends are found. */
export const appendApplicationName = "annals-append";

/**
 * Opens the pools; sessions are made when first needed. Waiting 5 s for a session is an error,
 * and so is a statement, or those of one Sync, not answered in 35 s. `onError` hears of idle
 * sessions that break; the pool replaces them by itself.
 *
 * An append's session gives a lock 1 s, a statement 10 s, a silent client 10 s within a transaction, and
 * all of that 15 s, so that a frozen replica cannot keep a head locked.
 */
export function openPools(
  database: Database,
  writers: number,
  onError: (error: Error) => void,
): Pools {
  const common: pg.PoolConfig = {
    ...database.connection,
    types: columnTypes,
    options: sessionOptions,
    connectionTimeoutMillis: 5_000,
    query_timeout: 35_000,
    keepAlive: true,
  };
  const write = new pg.Pool({
    ...common,
    options: database.singleSession ? sessionOptions : `${sessionOptions} ${appendingOptions}`,
    application_name: appendApplicationName,
    statement_timeout: 10_000,
    lock_timeout: 1_000,
    idle_in_transaction_session_timeout: 10_000,
    max: database.singleSession ? 1 : writers,
    idleTimeoutMillis: 0,
    ...(database.singleSession ? {} : { onConnect: limitTransactions }),
  });
  write.on("error", onError).on("connect", survive);
  if (database.singleSession) return { read: write, write, close: () => write.end() };
  const read = new pg.Pool({
    ...common,
    application_name: "annals-read",
    statement_timeout: 30_000,
    max: 8,
    idleTimeoutMillis: 60_000,
  });
  read.on("error", onError).on("connect", survive);
  return {
    read,
    write,
    close: async () => {
      await Promise.all([read.end(), write.end()]);
    },
  };
}

/**
 * A session can break at any moment, even in the chunk of bytes that made it ready and before its
 * user holds it. Its statements fail then and the pool drops it; unheard, the event would end the
 * process.
 */
function survive(session: pg.PoolClient): void {
  session.on("error", () => undefined);
}
