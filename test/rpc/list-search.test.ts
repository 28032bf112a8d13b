import pg from "pg";
import { expect, test, vi } from "vitest";
import { searchTurns } from "../../src/limits.ts";
import { createDatabase } from "../support/postgres.ts";
import { refusal } from "../support/refusal.ts";
import { startTestServer } from "../support/server.ts";
import { insertTimedLog, type TimedEntry } from "../support/timed-log.ts";

const size = 6_000;
const monday = 1_767_571_200_000;
const held = 4_711;

test("searches take turns: who asks for many is refused some, others are not, and first pages go on", async () => {
  await using database = await createDatabase();
  const superuser = new pg.Client({ connectionString: database.url });
  await superuser.connect();
  // Each step of a search counts what it has found; this one can be made to wait there.
  await superuser.query(`CREATE SCHEMA held;
    CREATE FUNCTION held.cardinality(anyarray) RETURNS integer LANGUAGE sql VOLATILE AS $$
      SELECT pg_advisory_xact_lock_shared(${held});
      SELECT pg_catalog.cardinality($1)
    $$;
    ALTER DATABASE ${database.name} SET search_path TO held, pg_catalog`);
  const entries = Array.from(
    { length: size },
    (_, i): TimedEntry => ({
      recordTime: monday + i,
      status: "success",
      scope: "team",
      action: i === 10 ? "rare" : "create",
    }),
  );
  const { id, teamId } = await insertTimedLog(superuser, entries);
  const server = await startTestServer({ database });
  try {
    const many = server.clients(await server.jwt({ role: "admin", teamId })).audit;
    const other = server.clients(await server.jwt({ role: "member", teamId })).audit;
    const rare = { filter: { actions: ["rare"] }, pageSize: 1 };
    const { running, waiting, waitingEach } = searchTurns;
    await superuser.query(`SELECT pg_advisory_lock(${held})`);
    let refused = 0;
    const asked = Array.from({ length: waiting }, () =>
      many.list(rare).catch((error: unknown) => {
        refused += 1;
        throw error;
      }),
    );
    const outcomes = Promise.allSettled(asked);
    await vi.waitFor(() => expect(refused).toBe(waiting - waitingEach - running), 20_000);
    expect(await refusal(many.list(rare))).toMatchObject({
      code: "resource_exhausted",
      reason: "QUEUE_FULL",
    });
    const others = other.list(rare);
    // Pages that are full at the first look need no turn, with a filter or without.
    expect((await many.list({})).entries.length).toBe(50);
    expect((await other.list({})).entries.length).toBe(50);
    expect((await other.list({ filter: { actions: ["create"] } })).entries.length).toBe(50);
    await superuser.query(`SELECT pg_advisory_unlock(${held})`);
    await expect(others).resolves.toMatchObject({ entries: [{ sequence: 11n }] });
    const answered = (await outcomes).filter(({ status }) => status === "fulfilled");
    expect(answered.length).toBe(running + waitingEach);

    // What a position holds when it is read, and not what was found there, decides who may see it.
    await superuser.query(`SELECT pg_advisory_lock(${held})`);
    const changed = other.list(rare);
    await vi.waitFor(async () => {
      const { rowCount } = await superuser.query(
        `SELECT FROM pg_locks JOIN pg_database ON pg_database.oid = database
         WHERE datname = current_database() AND NOT granted`,
      );
      expect(rowCount).toBe(1);
    }, 20_000);
    await superuser.query("ALTER TABLE control_plane.audit_logs DISABLE TRIGGER ALL");
    await superuser.query(
      "UPDATE control_plane.audit_logs SET scope = 'admin' WHERE team_id = $1 AND action = 'rare'",
      [id],
    );
    await superuser.query(`SELECT pg_advisory_unlock(${held})`);
    expect((await changed).entries).toEqual([]);
  } finally {
    await server.close();
    await superuser.end();
  }
});

test("a page that searches for long ends without an entry, and its token goes on to what is there", async () => {
  await using database = await createDatabase();
  const superuser = new pg.Client({ connectionString: database.url });
  await superuser.connect();
  // The clock has run out as soon as it is looked at: each page gets on by one step.
  await superuser.query(`CREATE SCHEMA held;
    CREATE FUNCTION held.clock_timestamp() RETURNS timestamptz LANGUAGE sql VOLATILE AS
      $$ SELECT pg_catalog.clock_timestamp() + interval '1 hour' $$;
    ALTER DATABASE ${database.name} SET search_path TO held, pg_catalog`);
  const entries = Array.from(
    { length: size },
    (_, i): TimedEntry => ({
      recordTime: monday + i,
      status: "success",
      scope: "team",
      action: i === 10 ? "rare" : "create",
    }),
  );
  const { teamId } = await insertTimedLog(superuser, entries);
  const server = await startTestServer({ database });
  try {
    const { audit } = server.clients(await server.jwt({ role: "admin", teamId }));
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
  } finally {
    await server.close();
    await superuser.end();
  }
});
