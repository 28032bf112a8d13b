/** `annals migrate`: the database's schema. The one command that talks to the database itself. */
import { Command } from "commander";
import type { ClientConfig } from "pg";
import { UsageError } from "./failure.ts";
import { print } from "./output.ts";
import { plainText } from "./plain-text.ts";

/** The command with its subcommands. Each works on DATABASE_URL, or the database in DATA_DIR. */
export function migrateCommand(): Command {
  const migrate = new Command("migrate").description(
    "bring the database at DATABASE_URL (or the one in DATA_DIR) to this program's schema",
  );
  migrate
    .command("up")
    .description("run the migrations that are due; safe when several start at once")
    .action(() => withDatabase(up));
  migrate
    .command("status")
    .description("compare the database with this program; exit code 1 if they differ")
    .action(() => withDatabase(status));
  migrate
    .command("roles")
    .description("make the least-privilege roles of the service and of maintenance")
    .action(async () => {
      const { createRoles } = await import("../store/roles.ts");
      await withDatabase(async (connection, embedded) => {
        if (embedded) throw new UsageError("roles need a PostgreSQL: set DATABASE_URL");
        await createRoles(connection);
        await print("the roles are there\n");
      });
    });
  return migrate;
}

async function up(connection: ClientConfig): Promise<void> {
  const { migrateUp } = await import("../store/migrate.ts");
  const applied = await migrateUp(connection, () => {});
  for (const name of applied) await print(`applied ${plainText(name)}\n`);
  if (applied.length === 0) await print("nothing to do: the schema is current\n");
}

async function status(connection: ClientConfig): Promise<void> {
  const { schemaStatus } = await import("../store/migrate.ts");
  const { applied, pending, unknown } = await schemaStatus(connection);
  for (const name of applied) await print(`applied  ${plainText(name)}\n`);
  for (const name of pending) await print(`pending  ${name}\n`);
  if (unknown.length > 0) {
    throw new Error(
      `the schema is newer than this program: it does not know ${unknown.join(", ")}`,
    );
  }
  if (pending.length > 0) throw new Error("the schema is not current: annals migrate up");
}

/** Runs on the configured database; credentials and the rest of the configuration are not needed. */
async function withDatabase(
  use: (connection: ClientConfig, embedded: boolean) => Promise<void>,
): Promise<void> {
  const { ConfigError } = await import("../config.ts");
  const { environment } = await import("../environment.ts");
  const given = Object.fromEntries(Object.entries(process.env).filter(([, value]) => value !== ""));
  const parsed = environment.pick({ DATABASE_URL: true, DATA_DIR: true }).safeParse(given);
  if (!parsed.success) {
    const mistakes = parsed.error.issues.map(
      ({ path, message }) => `${path.join(".")}: ${message}`,
    );
    throw new ConfigError(mistakes);
  }
  const { DATABASE_URL: connectionString, DATA_DIR } = parsed.data;
  if (connectionString !== undefined) return use({ connectionString }, false);
  const { openEmbedded } = await import("../store/embedded.ts");
  const embedded = await openEmbedded(DATA_DIR);
  try {
    await use(embedded.connection, true);
  } finally {
    await embedded.close();
  }
}
