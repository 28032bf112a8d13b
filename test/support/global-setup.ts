import { execFile } from "node:child_process";
import { randomBytes } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import pg from "pg";
import type { TestProject } from "vitest/node";
import { migrateUp } from "../../src/store/migrate.ts";
import { startPostgres } from "./postgres-server.ts";

const dashboardBuild = fileURLToPath(new URL("../../src/dashboard/build.ts", import.meta.url));
const GROUP_ROLES = ["annals_service", "annals_maintenance"];
/** What outlives the machine is not what is tested with it; waiting for the disk would take minutes. */
const FORGETFUL = { fsync: "off", full_page_writes: "off" };

/**
 * Gives the run a PostgreSQL (the one at TEST_DATABASE_URL, which must be a superuser's URL, or one
 * started for the run) and in it a migrated template, a directory to share, and the dashboard as its
 * sources are. The function returned removes all that the run has made.
 */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  await buildDashboard();
  const given = process.env.TEST_DATABASE_URL;
  const own = given ? undefined : await startPostgres({ settings: FORGETFUL });
  const url = given ?? own?.url ?? "";
  const shared = await mkdtemp(join(tmpdir(), "annals-shared-"));
  const template = `annals_test_${randomBytes(4).toString("hex")}`;
  try {
    const strangers = await existingRoles(url);
    await execute(url, `CREATE DATABASE ${template}`);
    const connection = new URL(url);
    connection.pathname = `/${template}`;
    await migrateUp({ connectionString: connection.href }, () => undefined);
    project.provide("postgresUrl", url);
    project.provide("postgresTemplate", template);
    project.provide("sharedDirectory", shared);
    return async () => {
      await rm(shared, { recursive: true });
      if (own) await own[Symbol.asyncDispose]();
      else await removeAll(url, template, strangers);
    };
  } catch (error) {
    await rm(shared, { recursive: true });
    if (own) await own[Symbol.asyncDispose]();
    throw error;
  }
}

/**
 * In a process of its own: React's packages look at NODE_ENV, which is the test runner's here. A page
 * that is being worked on may not build just then; that keeps no other test from running, but in CI.
 */
async function buildDashboard(): Promise<void> {
  const flags = ["--if-stale", ...(process.env.CI ? [] : ["--optional"])];
  const { stderr } = await promisify(execFile)(process.execPath, [dashboardBuild, ...flags]);
  process.stderr.write(stderr);
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
