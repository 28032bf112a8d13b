import { randomBytes } from "node:crypto";
import pg from "pg";
import type { TestProject } from "vitest/node";
import { migrateUp } from "../../src/store/migrate.ts";
import { startPostgres } from "./postgres-server.ts";

const GROUP_ROLES = ["annals_service", "annals_maintenance"];

/**
 * Gives the run a PostgreSQL (the one at TEST_DATABASE_URL, which must be a superuser's URL, or one
 * started for the run) and in it a migrated template. The function returned removes all that the
 * run has made.
 */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const given = process.env.TEST_DATABASE_URL;
  const own = given ? undefined : await startPostgres();
  const url = given ?? own?.url ?? "";
  const template = `annals_test_${randomBytes(4).toString("hex")}`;
  try {
    const strangers = await existingRoles(url);
    await execute(url, `CREATE DATABASE ${template}`);
    const connection = new URL(url);
    connection.pathname = `/${template}`;
    await migrateUp({ connectionString: connection.href }, () => undefined);
    project.provide("postgresUrl", url);
    project.provide("postgresTemplate", template);
    return async () => {
      if (own) await own[Symbol.asyncDispose]();
      else await removeAll(url, template, strangers);
    };
  } catch (error) {
    if (own) await own[Symbol.asyncDispose]();
    throw error;
  }
}

async function existingRoles(url: string): Promise<string[]> {
  const rows = await execute<{ rolname: string }>(
    url,
    "SELECT rolname FROM pg_roles WHERE rolname = ANY($1)",
    [GROUP_ROLES],
  );
  return rows.map(({ rolname }) => rolname);
}

async function removeAll(url: string, template: string, strangers: string[]): Promise<void> {
  const databases = await execute<{ datname: string }>(
    url,
    "SELECT datname FROM pg_database WHERE starts_with(datname, $1)",
    [template],
  );
  for (const { datname } of databases) {
    await execute(url, `DROP DATABASE IF EXISTS ${datname} WITH (FORCE)`);
  }
  for (const role of GROUP_ROLES.filter((name) => !strangers.includes(name))) {
    await execute(url, `DROP ROLE IF EXISTS ${role}`);
  }
}

async function execute<Row extends pg.QueryResultRow>(
  connectionString: string,
  sql: string,
  values: unknown[] = [],
): Promise<Row[]> {
  const client = new pg.Client({ connectionString });
  await client.connect();
  try {
    return (await client.query<Row>(sql, values)).rows;
  } finally {
    await client.end();
  }
}
