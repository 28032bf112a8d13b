import pg from "pg";
import type { TestDatabase } from "./postgres.ts";

/** A database's logs as they were once. */
export interface LogBackup {
  /**
   * Makes the logs of these teams (`team-{uuid}`), or all, what they were, as no one but a superuser
   * can.
   */
  restore(...teams: readonly string[]): Promise<void>;
}

const tables = ["audit_logs", "audit_log_heads", "audit_log_tiles", "audit_log_counts"] as const;
let backups = 0;

/** Remembers the logs as they are. */
export async function backUpLogs({ url }: Pick<TestDatabase, "url">): Promise<LogBackup> {
  const name = (table: string) => `public.backup_${backup}_${table}`;
  backups += 1;
  const backup = backups;
  await execute(
    url,
    ...tables.map((table) => `CREATE TABLE ${name(table)} AS TABLE control_plane.${table}`),
  );
  return {
    restore: (...teams) => {
      const ids = teams.map((team) => `'${team.replace("team-", "")}'`).join();
      const which = teams.length === 0 ? "" : `WHERE team_id IN (${ids})`;
      return execute(
        url,
        "BEGIN",
        "ALTER TABLE control_plane.audit_logs DISABLE TRIGGER ALL",
        ...tables.flatMap((table) => [
          `DELETE FROM control_plane.${table} ${which}`,
          `INSERT INTO control_plane.${table} SELECT * FROM ${name(table)} ${which}`,
        ]),
        "ALTER TABLE control_plane.audit_logs ENABLE ALWAYS TRIGGER audit_logs_append_only",
        "ALTER TABLE control_plane.audit_logs ENABLE ALWAYS TRIGGER audit_logs_no_truncate",
        "COMMIT",
      );
    },
  };
}

/** Statements of one superuser's session. */
export async function execute(url: string, ...statements: readonly string[]): Promise<void> {
  const session = new pg.Client({ connectionString: url });
  await session.connect();
  try {
    for (const statement of statements) await session.query(statement);
  } finally {
    await session.end();
  }
}
