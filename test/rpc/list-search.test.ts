import pg from "pg";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { searchTurns } from "../../src/limits.ts";
import { createDatabase, type TestDatabase } from "../support/postgres.ts";
import { refusal } from "../support/refusal.ts";
import { startTestServer, type TestServer } from "../support/server.ts";
import { insertTimedLog, type TimedEntry } from "../support/timed-log.ts";

const size = 6_000;
const monday = 1_767_571_200_000;
const held = 4_711;

const cleanup = new AsyncDisposableStack();
let database: TestDatabase;
let superuser: pg.Client;
let team: Awaited<ReturnType<typeof insertTimedLog>>;

beforeAll(async () => {
  database = cleanup.use(await createDatabase());
  superuser = new pg.Client({ connectionString: database.url });
  await superuser.connect();
  cleanup.defer(() => superuser.end());
  // Each step of a search counts what it has found, and looks at the clock. The one can be made to wait
  // there; to the other its time is always up.
  await superuser.query(`CREATE SCHEMA held;
    CREATE FUNCTION held.cardinality(anyarray) RETURNS integer LANGUAGE sql VOLATILE AS $$
      SELECT pg_advisory_xact_lock_shared(${held});
      SELECT pg_catalog.cardinality($1)
    $$;
    CREATE SCHEMA hurried;
    CREATE FUNCTION hurried.clock_timestamp() RETURNS timestamptz LANGUAGE sql VOLATILE AS
      $$ SELECT pg_catalog.clock_timestamp() + interval '1 hour' $$`);
  team = await insertTimedLog(superuser, logWithRare(size));
});
afterAll(() => cleanup.disposeAsync());

function logWithRare(length: number): TimedEntry[] {
  return Array.from({ length }, (_, i) => ({
    recordTime: monday + i,
    status: "success",
    scope: "team",
    action: i === 10 ? "rare" : "create",
  }));
}

/** A server whose searches run through a schema's functions. */
async function serverSearching(schema: "held" | "hurried"): Promise<TestServer> {
  await superuser.query(`ALTER DATABASE ${database.name} SET search_path TO ${schema}, pg_catalog`);
  return startTestServer({ database });
}

/** How many searches there are that have begun, while they are held. */
async function searching(): Promise<number | null> {
  const { rowCount } = await superuser.query(
    `SELECT FROM pg_locks JOIN pg_database ON pg_database.oid = database
     WHERE datname = current_database() AND NOT granted`,
  );
  return rowCount;
}

test("searches take turns: neither who asks for many nor their team keeps others waiting, and first pages go on", async () => {
  const { id, teamId } = team;
  const another = await insertTimedLog(superuser, logWithRare(100));
  await using server = await serverSearching("held");
  const memberOf = async (team: string, role: "member" | "admin" = "member") =>
    server.clients(await server.jwt({ role, teamId: team })).audit;
  const [many, others, third] = [
    await memberOf(teamId, "admin"),
    await memberOf(teamId),
    await memberOf(teamId),
  ];
  const stranger = await memberOf(another.teamId);
  const rare = { filter: { actions: ["rare"] }, pageSize: 1 };
  const { running, waiting, waitingOfTeam, waitingOfMember } = searchTurns;
  await superuser.query(`SELECT pg_advisory_lock(${held})`);

  /** Asks for as many as would fill the line, and sees all refused but so many. */
  const ask = async (audit: typeof many, accepted: number) => {
    let refused = 0;
    const asked = Array.from({ length: waiting }, () =>
      audit.list(rare).catch((error: unknown) => {
        refused += 1;
        throw error;
      }),
    );
    const outcomes = Promise.allSettled(asked);
    await vi.waitFor(() => expect(refused).toBe(waiting - accepted), 20_000);
    return async () => (await outcomes).filter(({ status }) => status === "fulfilled").length;
  };
  const answered = await ask(many, running + waitingOfMember);
  expect(await refusal(many.list(rare))).toMatchObject({
    code: "resource_exhausted",
    reason: "QUEUE_FULL",
  });
  const alsoAnswered = await ask(others, waitingOfTeam - waitingOfMember);
  expect(await refusal(third.list(rare))).toMatchObject({ reason: "QUEUE_FULL" });
  const found = stranger.list(rare);
  // Pages that are full at the first look need no turn, with a filter or without.
  expect((await many.list({})).entries.length).toBe(50);
  expect((await others.list({})).entries.length).toBe(50);
  expect((await others.list({ filter: { actions: ["create"] } })).entries.length).toBe(50);
  await superuser.query(`SELECT pg_advisory_unlock(${held})`);
  await expect(found).resolves.toMatchObject({ entries: [{ sequence: 11n }] });
  expect(await answered()).toBe(running + waitingOfMember);
  expect(await alsoAnswered()).toBe(waitingOfTeam - waitingOfMember);

  // What a position holds when it is read, and not what was found there, decides who may see it.
  await superuser.query(`SELECT pg_advisory_lock(${held})`);
  const changed = others.list(rare);
  await vi.waitFor(async () => expect(await searching()).toBe(1), 20_000);
  await superuser.query("ALTER TABLE control_plane.audit_logs DISABLE TRIGGER ALL");
  const setScope = (scope: string) =>
    superuser.query(
      "UPDATE control_plane.audit_logs SET scope = $2 WHERE team_id = $1 AND action = 'rare'",
      [id, scope],
    );
  await setScope("admin");
  await superuser.query(`SELECT pg_advisory_unlock(${held})`);
  expect((await changed).entries).toEqual([]);
  await setScope("team");
});

test("streams that start or catch up by searching wait for their turn, and leave the line when they end", async () => {
  const { teamId } = team;
  await using server = await serverSearching("held");
  const { audit } = server.clients(await server.jwt({ role: "member", teamId }));
  const filter = { actions: ["rare"] };
  const openStreams = async () => {
    const text = await (await fetch(`${server.url}/metrics`)).text();
    return Number(/^\w*open_streams (\d+)/m.exec(text)?.[1]);
  };
  const leave = new AbortController();
  const last = (signal: AbortSignal) =>
    Array.fromAsync(
      audit.stream(
        { filter, stopAtHead: true, start: { case: "last", value: 1 } },
        { signal, timeoutMs: 60_000 },
      ),
      ({ entries }) => entries.map(({ sequence }) => sequence),
    );
  const { running } = searchTurns;
  await superuser.query(`SELECT pg_advisory_lock(${held})`);
  const first = Array.from({ length: running }, () => audit.list({ filter, pageSize: 1 }));
  await vi.waitFor(async () => expect(await searching()).toBe(running), 20_000);
  const leaving = Array.from({ length: 5 }, () => last(leave.signal));
  const waiting = Array.from({ length: 5 }, () => last(new AbortController().signal));
  const beginning = Array.fromAsync(
    audit.stream({ filter, stopAtHead: true, start: { case: "beginning", value: {} } }),
    ({ entries }) => entries.map(({ sequence }) => sequence),
  );
  await expect.poll(openStreams).toBe(11);
  expect((await audit.list({})).entries.length).toBe(50);
  expect(await searching()).toBe(running);
  leave.abort();
  for (const outcome of await Promise.allSettled(leaving)) expect(outcome.status).toBe("rejected");
  await expect.poll(openStreams).toBe(6);
  await superuser.query(`SELECT pg_advisory_unlock(${held})`);
  for (const { entries } of await Promise.all(first)) expect(entries.length).toBe(1);
  for (const found of [...(await Promise.all(waiting)), await beginning]) {
    expect(found.flat()).toEqual([11n]);
  }
});

test("a page that searches for long ends without an entry, and its token goes on to what is there", async () => {
  await using server = await serverSearching("hurried");
  const { audit } = server.clients(await server.jwt({ role: "admin", teamId: team.teamId }));
  const found: bigint[] = [];
  let empty = 0;
  let pageToken = "";
  do {
    const filter = { exclude: { actions: ["create"] } };
    const page = await audit.list({ filter, pageSize: 10, pageToken });
    found.push(...page.entries.map(({ sequence }) => sequence));
    if (page.entries.length === 0) empty += 1;
    pageToken = page.nextPageToken;
  } while (pageToken !== "");
  expect(found).toEqual([11n]);
  expect(empty).toBeGreaterThan(1);
});
