import pg from "pg";
import { expect, onTestFinished, test } from "vitest";
import { migrateUp, requireCurrentSchema, schemaStatus } from "../../src/store/migrate.ts";
import { createDatabase } from "../support/postgres.ts";

const MIGRATIONS = [
  "0001_log",
  "0002_append_only",
  "0003_erase_details",
  "0004_counts",
  "0005_filter_indexes",
  "0006_resource_type_index",
];

async function connect(connectionString: string): Promise<pg.Client> {
  const client = new pg.Client({ connectionString });
  await client.connect();
  return client;
}

async function createUnmigratedDatabase() {
  const database = await createDatabase();
  onTestFinished(() => database.drop());
  const client = await connect(database.url);
  await client.query("DROP SCHEMA control_plane CASCADE");
  await client.end();
  return { connectionString: database.url };
}

test("an empty database is brought to the current schema, once", async () => {
  const connection = await createUnmigratedDatabase();
  expect(await schemaStatus(connection)).toEqual({
    applied: [],
    pending: MIGRATIONS,
    unknown: [],
  });
  await expect(requireCurrentSchema(connection)).rejects.toThrow(
    /older than this program.*0001_log.*run: annals migrate up/,
  );

  const lines: string[] = [];
  expect(await migrateUp(connection, (line) => lines.push(line))).toEqual(MIGRATIONS);
  expect(lines.join("\n")).toContain("0001_log");
  expect(await migrateUp(connection, () => undefined)).toEqual([]);
  expect(await schemaStatus(connection)).toEqual({
    applied: MIGRATIONS,
    pending: [],
    unknown: [],
  });
  await requireCurrentSchema(connection);
});

test("of several replicas that start at once, one migrates and the others wait for it", async () => {
  const connection = await createUnmigratedDatabase();
  const ran = await Promise.all(
    Array.from({ length: 6 }, () => migrateUp(connection, () => undefined)),
  );
  expect(ran.flat()).toEqual(MIGRATIONS);
  await requireCurrentSchema(connection);
});

test("a schema with some migrations is brought forward by the rest", async () => {
  const connection = await createUnmigratedDatabase();
  await migrateUp(connection, () => undefined);
  const client = await connect(connection.connectionString);
  await client.query(`
    DROP FUNCTION control_plane.audit_logs_append_only CASCADE;
    DROP FUNCTION control_plane.erase_details;
    DROP FUNCTION control_plane.count_log;
    DROP TABLE control_plane.audit_log_counts;
    ALTER TABLE control_plane.audit_log_heads DROP COLUMN counts;
    DELETE FROM control_plane.migrations WHERE name <> '0001_log'`);
  await client.end();
  expect(await migrateUp(connection, () => undefined)).toEqual(MIGRATIONS.slice(1));
});

test("a failed migration leaves nothing behind and can be run again", async () => {
  const connection = await createUnmigratedDatabase();
  const client = await connect(connection.connectionString);
  // In the way of 0001, after it has already made other tables.
  await client.query(
    "CREATE SCHEMA control_plane; CREATE TABLE control_plane.api_keys (id integer)",
  );
  await expect(migrateUp(connection, () => undefined)).rejects.toThrow(/api_keys.*already exists/);
  const { rows } = await client.query(
    "SELECT to_regclass('control_plane.audit_logs') AS audit_logs",
  );
  expect(rows).toEqual([{ audit_logs: null }]);
  await client.query("DROP TABLE control_plane.api_keys");
  await client.end();
  expect(await migrateUp(connection, () => undefined)).toEqual(MIGRATIONS);
});

test("a schema newer than the program is refused and not touched", async () => {
  await using database = await createDatabase();
  const connection = { connectionString: database.url };
  const client = await connect(database.url);
  await client.query(
    "INSERT INTO control_plane.migrations (name, run_on) VALUES ('9999_from_the_future', now())",
  );
  await client.end();
  const refusal = /newer than this program.*9999_from_the_future.*upgrade annals/;
  await expect(requireCurrentSchema(connection)).rejects.toThrow(refusal);
  await expect(migrateUp(connection, () => undefined)).rejects.toThrow(refusal);
});

test("an unreachable database is an error", async () => {
  const connection = { connectionString: "postgres://postgres@127.0.0.1:1/postgres" };
  await expect(migrateUp(connection, () => undefined)).rejects.toThrow(/ECONNREFUSED/);
});
