import { randomBytes } from "node:crypto";
import { rename, symlink, unlink } from "node:fs/promises";
import { join } from "node:path";
import { Code, ConnectError } from "@connectrpc/connect";
import pg from "pg";
import { afterAll, beforeAll, expect, test } from "vitest";
import { migrateUp } from "../../src/store/migrate.ts";
import { Follower } from "../feed/follower.ts";
import { type OwnPostgres, startPostgres } from "../support/postgres.ts";
import { newId } from "../support/server.ts";
import { startServerProcess } from "../support/server-process.ts";
import { startTcpProxy } from "../support/tcp-proxy.ts";
import { Load } from "./load.ts";
import { ResumingReader } from "./resuming-reader.ts";
import { expectAcknowledged, readStoredLog } from "./stored-log.ts";

let postgres: OwnPostgres;

beforeAll(async () => {
  postgres = await startPostgres();
  await migrateUp({ connectionString: postgres.url }, () => undefined);
});

afterAll(() => postgres[Symbol.asyncDispose]());

test("PostgreSQL crashed, stopped and started again under load loses nothing acknowledged", async () => {
  await using server = await startServerProcess({ DATABASE_URL: postgres.url });
  const { audit } = server.client({ timeoutMs: 1_500 });
  await using load = new Load(() => audit);
  await using readers = new AsyncDisposableStack();
  const reading = load.teams.map((teamId) => readers.use(new ResumingReader(() => audit, teamId)));
  const patient = server.client().audit;
  for (const mode of ["immediate", "fast"] as const) {
    await load.more(300);
    await postgres.stop(mode);
    // A call ends within its deadline with a reason to try again, or succeeds later.
    const before = load.failed;
    const later = patient.record({ entry: { teamId: newId("team"), action: "create" } });
    await load.until(({ failed }) => failed >= before + 12);
    expect((await fetch(`${server.url}/healthz`)).status).toBe(200);
    await postgres.start();
    expect((await later).entry?.sequence).toBe(1n);
  }
  await load.more(300);
  await load.stop();
  expect(server.alive).toBe(true);
  for (const [i, teamId] of load.teams.entries()) {
    const log = await readStoredLog(postgres.url, teamId);
    expectAcknowledged(load.acknowledged.get(teamId) ?? new Map(), log);
    await reading[i]?.reached(log.length);
    expect(reading[i]?.ids).toEqual(log);
  }
}, 60_000);

test("a server whose database does not answer any more still closes in time", async () => {
  await using proxy = await startTcpProxy(postgres.url);
  await using server = await startServerProcess({ DATABASE_URL: proxy.url });
  const { audit } = server.client();
  const teamId = newId("team");
  await audit.record({ entry: { teamId, action: "create" } });
  await using reader = new Follower(audit, { teamId });
  await reader.begun();
  proxy.fromServer = () => "hold";
  const calls = Array.from({ length: 5 }, () =>
    audit.record({ entry: { teamId, action: "create" } }).catch(ConnectError.from),
  );
  const listing = audit.list({ teamId }).catch(ConnectError.from);
  await expect.poll(() => proxy.held).toBeGreaterThan(1);
  await server.end("SIGTERM");
  for (const answer of await Promise.all([...calls, listing])) {
    expect(answer).toBeInstanceOf(ConnectError);
  }
}, 60_000);

test("a full disk fails calls clearly and loses nothing; with space again the service goes on", async () => {
  await using server = await startServerProcess({ DATABASE_URL: postgres.url });
  const { audit } = server.client();
  const superuser = new pg.Client({ connectionString: postgres.url });
  await superuser.connect();
  await using _end = { [Symbol.asyncDispose]: () => superuser.end() };
  const [small, large] = [newId("team"), newId("team")];
  const record = (teamId: string, timeoutMs: number) => {
    // Too large for a row and not to be compressed: it goes to a file of its own.
    const metadata = teamId === large ? { blob: randomBytes(6_000).toString("base64") } : {};
    return audit.record({ entry: { teamId, action: "create", metadata } }, { timeoutMs });
  };
  await record(small, 10_000);

  // The file of large values moves to a disk that is always full, and back.
  const { rows } = await superuser.query<{ path: string }>(
    `SELECT pg_relation_filepath(reltoastrelid) AS path FROM pg_class
     WHERE oid = 'control_plane.audit_logs'::regclass AND pg_relation_size(reltoastrelid) = 0`,
  );
  const file = join(postgres.dataDir, rows[0]?.path ?? "");
  const reopenFiles = () =>
    superuser.query(
      `SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity
       WHERE datname = current_database() AND application_name LIKE 'annals-%'`,
    );
  await rename(file, `${file}.kept`);
  await symlink("/dev/full", file);
  await reopenFiles();

  const failures = await Promise.allSettled(Array.from({ length: 5 }, () => record(large, 1_500)));
  for (const failure of failures) {
    expect(failure.status).toBe("rejected");
    const { code } = ConnectError.from((failure as PromiseRejectedResult).reason);
    expect([Code.Unavailable, Code.DeadlineExceeded]).toContain(code);
  }
  expect(server.logs.some((line) => JSON.stringify(line).includes('"code":"53100"'))).toBe(true);
  // What still fits is recorded.
  await record(small, 10_000);

  const patient = Array.from({ length: 5 }, () => record(large, 25_000));
  const retries = () => server.logs.filter(({ msg }) => String(msg).includes("tried again")).length;
  const before = retries();
  await expect.poll(retries, { timeout: 10_000 }).toBeGreaterThan(before);
  await unlink(file);
  await rename(`${file}.kept`, file);
  await reopenFiles();
  const recorded = await Promise.all(patient);
  expect(recorded.map(({ entry }) => Number(entry?.sequence)).sort()).toEqual([1, 2, 3, 4, 5]);
  expect(server.alive).toBe(true);
  expect(await readStoredLog(postgres.url, small)).toHaveLength(2);
  expect(await readStoredLog(postgres.url, large)).toHaveLength(5);
});
