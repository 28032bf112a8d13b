import { Code } from "@connectrpc/connect";
import pg from "pg";
import { expect, inject, test } from "vitest";
import { createDatabase, type TestDatabase } from "../support/postgres.ts";
import { newId, startTestServer, type TestClients } from "../support/server.ts";
import { Follower, sequences, upTo } from "./follower.ts";

type Audit = TestClients["audit"];

async function recordMany(audit: Audit, teamId: string, count: number): Promise<string> {
  const entries = Array.from({ length: count }, () => ({ teamId, action: "create" }));
  await audit.recordBatch({ entries });
  const { cursor } = await audit.list({ teamId, pageSize: 1 });
  return cursor;
}

function resume(audit: Audit, teamId: string, cursor: string): Follower {
  return new Follower(audit, { teamId, start: { case: "afterCursor", value: cursor } });
}

/** Reads on, resuming whenever the database is out of reach, until entries come or it fails. */
async function readOn(audit: Audit, teamId: string, cursor: string): Promise<number[]> {
  await using reader = resume(audit, teamId, cursor);
  const arrived = reader.until(({ entries }) => entries.length > 0);
  const [{ status }] = await Promise.allSettled([arrived]);
  if (status === "fulfilled") return sequences(reader.entries);
  const error = await reader.ended;
  if (error?.code !== Code.Unavailable) throw error;
  return readOn(audit, teamId, reader.cursor || cursor);
}

async function execute(url: string, ...statements: string[]): Promise<void> {
  const session = new pg.Client({ connectionString: url });
  await session.connect();
  try {
    for (const statement of statements) await session.query(statement);
  } finally {
    await session.end();
  }
}

/** Remembers the heads as they are, for {@link restore}. */
function backUp(database: TestDatabase): Promise<void> {
  return execute(database.url, "CREATE TABLE backup AS TABLE control_plane.audit_log_heads");
}

/** Makes the logs what they were when they were backed up, as no one but a superuser can. */
function restore(database: TestDatabase): Promise<void> {
  return execute(
    database.url,
    "BEGIN",
    "ALTER TABLE control_plane.audit_logs DISABLE TRIGGER audit_logs_append_only",
    `DELETE FROM control_plane.audit_logs USING backup
     WHERE audit_logs.team_id = backup.team_id AND sequence > size`,
    `UPDATE control_plane.audit_log_heads AS head SET size = backup.size, frontier = backup.frontier
     FROM backup WHERE backup.team_id = head.team_id`,
    "ALTER TABLE control_plane.audit_logs ENABLE ALWAYS TRIGGER audit_logs_append_only",
    "COMMIT",
  );
}

const dataLoss = { code: Code.DataLoss };

test("a cursor beyond the end of a restored log is DATA_LOSS, and one within it goes on", async () => {
  await using database = await createDatabase();
  await using server = await startTestServer({ database });
  const { audit } = server.clients(await server.jwt({ role: "platform_admin" }));
  const teamId = newId("team");
  const early = await recordMany(audit, teamId, 5);
  await backUp(database);
  const late = await recordMany(audit, teamId, 5);
  await restore(database);
  expect(await resume(audit, teamId, late).ended).toMatchObject(dataLoss);
  await using reader = resume(audit, teamId, early);
  await reader.begun();
  await recordMany(audit, teamId, 3);
  await reader.until(({ entries }) => entries.length === 3);
  expect(sequences(reader.entries)).toEqual([6, 7, 8]);
});

test.each([
  ["as many", 5],
  ["more", 9],
])("a cursor is DATA_LOSS when the entries it has seen were replaced by %s", async (_, count) => {
  await using database = await createDatabase();
  await using server = await startTestServer({ database });
  const { audit } = server.clients(await server.jwt({ role: "platform_admin" }));
  const teamId = newId("team");
  await recordMany(audit, teamId, 5);
  await backUp(database);
  const late = await recordMany(audit, teamId, 5);
  await restore(database);
  await recordMany(audit, teamId, count);
  expect(await resume(audit, teamId, late).ended).toMatchObject(dataLoss);
});

test("a stream ends with DATA_LOSS when its log has shrunk, and new readers see the log as it is", async () => {
  await using database = await createDatabase();
  await using server = await startTestServer({ database, overrides: { pollMs: 50 } });
  const { audit } = server.clients(await server.jwt({ role: "platform_admin" }));
  const teamId = newId("team");
  await recordMany(audit, teamId, 7);
  await backUp(database);
  await recordMany(audit, teamId, 3);
  await using reader = new Follower(audit, { teamId });
  await reader.begun();
  await recordMany(audit, teamId, 5);
  await reader.until(({ entries }) => entries.length === 5);
  await restore(database);
  expect(await reader.ended).toMatchObject(dataLoss);
  await using fresh = new Follower(audit, { teamId, start: { case: "beginning", value: {} } });
  await recordMany(audit, teamId, 2);
  await fresh.until(({ entries }) => entries.length === 9);
  expect(sequences(fresh.entries)).toEqual(upTo(9));
  expect(await (await fetch(`${server.url}/metrics`)).text()).toMatch(/rollbacks\S* 1\n/);
});

test.each([
  ["fewer", 3],
  ["as many", 5],
  ["more", 8],
])(
  "streams end with DATA_LOSS when the database is restored and has %s new entries since",
  async (_, count) => {
    await using database = await createDatabase();
    const backup = `${database.name}_backup`;
    const administrate = (...statements: string[]) => execute(inject("postgresUrl"), ...statements);
    const teamId = newId("team");
    const quietId = newId("team");
    {
      await using server = await startTestServer({ database });
      const { audit } = server.clients(await server.jwt({ role: "platform_admin" }));
      await recordMany(audit, teamId, 5);
      await recordMany(audit, quietId, 5);
    }
    await administrate(`CREATE DATABASE ${backup} TEMPLATE ${database.name}`);

    await using server = await startTestServer({ database, overrides: { pollMs: 100 } });
    const { audit } = server.clients(await server.jwt({ role: "platform_admin" }));
    await recordMany(audit, teamId, 4);
    await using reader = new Follower(audit, { teamId });
    await reader.begun();
    const { cursor: quietCursor } = await audit.list({ teamId: quietId });
    const unharmed = readOn(audit, quietId, quietCursor);
    await recordMany(audit, teamId, 1);
    await reader.until(({ entries }) => entries.length === 1);

    {
      // Others write to the restored database before this server is back.
      await using others = await startTestServer({
        database: { url: database.url.replace(database.name, backup) },
      });
      const { audit } = others.clients(await others.jwt({ role: "platform_admin" }));
      await recordMany(audit, teamId, count);
    }
    await administrate(
      `DROP DATABASE ${database.name} WITH (FORCE)`,
      `ALTER DATABASE ${backup} RENAME TO ${database.name}`,
    );
    // It may end as unavailable first; resumed, it learns the truth. In no case does it read on.
    const error = await reader.ended;
    if (error?.code !== Code.DataLoss) {
      expect(error).toMatchObject({ code: Code.Unavailable });
      await expect(readOn(audit, teamId, reader.cursor)).rejects.toMatchObject(dataLoss);
    }
    expect(sequences(reader.entries)).toEqual([10]);
    await recordMany(audit, quietId, 1);
    expect(await unharmed).toEqual([6]);
  },
);

test("a cursor below the retention floor is OUT_OF_RANGE, one at it goes on", async () => {
  await using database = await createDatabase();
  await using server = await startTestServer({ database });
  const { audit } = server.clients(await server.jwt({ role: "platform_admin" }));
  const teamId = newId("team");
  const team = teamId.replace("team-", "");
  // The floor can be raised as far as the last full tile, of 256 entries.
  const early = await recordMany(audit, teamId, 200);
  const atFloor = await recordMany(audit, teamId, 56);
  await recordMany(audit, teamId, 3);
  await execute(
    database.url,
    `UPDATE control_plane.audit_log_heads SET first_sequence = 257 WHERE team_id = '${team}'`,
    `DELETE FROM control_plane.audit_logs WHERE team_id = '${team}' AND sequence < 257`,
  );
  expect(await resume(audit, teamId, early).ended).toMatchObject({ code: Code.OutOfRange });
  const starts = [
    { case: "afterCursor", value: atFloor },
    { case: "beginning", value: {} },
    { case: "last", value: 200 },
    { case: "fromTime", value: { seconds: 0n } },
  ] as const;
  for (const start of starts) {
    const reader = new Follower(audit, { teamId, start, stopAtHead: true });
    expect(await reader.ended).toBeUndefined();
    expect(sequences(reader.entries)).toEqual([257, 258, 259]);
  }
  const { entries } = await audit.list({ teamId });
  expect(sequences(entries)).toEqual([259, 258, 257]);
});
