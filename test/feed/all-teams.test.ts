import { timestampMs } from "@bufbuild/protobuf/wkt";
import pg from "pg";
import { expect, test } from "vitest";
import { ListOrder } from "../../gen/audit/v1/audit_service_pb.ts";
import { parseTeamId, type TeamId } from "../../src/ids.ts";
import { append } from "../../src/store/append.ts";
import { columnTypes, sessionOptions } from "../../src/store/pool.ts";
import { newEntry } from "../support/new-entry.ts";
import { createDatabase } from "../support/postgres.ts";
import { newId, startTestServer, type TestClients } from "../support/server.ts";
import { Follower } from "./follower.ts";

interface HeldAppend extends AsyncDisposable {
  /** The start of its transaction, in milliseconds: it has its record time, and none is earlier. */
  readonly begun: number;
  commit(): Promise<void>;
}

/** An append of a replica that hangs before its COMMIT, with every time-out off. */
async function holdAppend(url: string, teamId: string): Promise<HeldAppend> {
  const pool = new pg.Pool({
    connectionString: url,
    application_name: "annals-append",
    types: columnTypes,
    options: sessionOptions,
  });
  const held = Promise.withResolvers<number>();
  const released = Promise.withResolvers<void>();
  const entry = newEntry(parseTeamId(teamId) as TeamId, "held");
  const appending = append(pool, [entry], {
    alongside: async (session) => {
      const { rows } = await session.query<{ now: number }>("SELECT now()");
      held.resolve(rows[0]?.now ?? 0);
      await released.promise;
    },
  });
  appending.catch(held.reject);
  const commit = async () => {
    released.resolve();
    await appending;
  };
  return {
    begun: await held.promise,
    commit,
    [Symbol.asyncDispose]: async () => {
      await commit();
      await pool.end();
    },
  };
}

async function listOldestFirst(audit: TestClients["audit"]): Promise<string[]> {
  const found: string[] = [];
  let pageToken = "";
  do {
    const order = ListOrder.OLDEST_FIRST;
    const page = await audit.list({ allTeams: true, order, pageSize: 7, pageToken });
    found.push(...page.entries.map(({ action }) => action));
    pageToken = page.nextPageToken;
  } while (pageToken !== "");
  return found;
}

/** Far beyond what clocks may differ by. */
const LONG_AFTER_MS = 2_000;

/** Records an entry and waits until it is settled: nothing that is recorded from now on comes before it. */
async function recordSettled(audit: TestClients["audit"], teamId: string, action: string) {
  await audit.record({ entry: { teamId, action } });
  await expect
    .poll(() => listOldestFirst(audit), { timeout: 10_000 })
    .toEqual(expect.arrayContaining([action]));
}

test("a reader of all teams loses nothing to an append that is held open while it resumes", async () => {
  await using database = await createDatabase();
  await using server = await startTestServer({ database, overrides: { pollMs: 100 } });
  const { audit } = server.clients(await server.jwt({ role: "platform_admin" }));
  const [slow, quick] = [newId("team"), newId("team")];
  await recordSettled(audit, slow, "before");
  await using held = await holdAppend(database.url, slow);

  // Others' entries flow, to readers that come and go and to one that stays.
  await using staying = new Follower(audit, { allTeams: true });
  await staying.begun();
  let cursor = "";
  let recorded = 0;
  for (let late = 0; late < LONG_AFTER_MS; ) {
    await using reader = new Follower(audit, {
      allTeams: true,
      start:
        cursor === "" ? { case: "beginning", value: {} } : { case: "afterCursor", value: cursor },
    });
    for (let i = 0; i < 5; i++) {
      recorded += 1;
      const { entry } = await audit.record({
        entry: { teamId: quick, action: `quick.n${recorded}` },
      });
      late = (entry?.recordTime ? timestampMs(entry.recordTime) : 0) - held.begun;
    }
    const last = `quick.n${recorded}`;
    await reader.until(({ entries }) => entries.some(({ action }) => action === last));
    expect(new Set(reader.entries.map(({ id }) => id)).size).toBe(reader.entries.length);
    await reader.stop();
    ({ cursor } = reader);
  }
  // What could still come in between is not called settled.
  expect(await listOldestFirst(audit)).toEqual(expect.not.arrayContaining(["quick.n1", "held"]));
  const settled = new Follower(audit, {
    allTeams: true,
    start: { case: "beginning", value: {} },
    stopAtHead: true,
  });
  expect(await settled.ended).toBeUndefined();
  expect(settled.entries.map(({ action }) => action)).toContain("before");
  expect(settled.entries.map(({ action }) => action)).not.toContain("quick.n1");

  await held.commit();
  await using resumed = new Follower(audit, {
    allTeams: true,
    start: { case: "afterCursor", value: cursor },
  });
  const hasHeld = ({ entries }: Follower) => entries.some(({ action }) => action === "held");
  await resumed.until(hasHeld);
  await staying.until(hasHeld);
  const ofQuick = staying.entries.filter(({ teamId }) => teamId === quick);
  expect(ofQuick.map(({ sequence }) => Number(sequence))).toEqual(
    Array.from({ length: recorded }, (_, i) => i + 1),
  );

  await expect
    .poll(() => listOldestFirst(audit), { timeout: 10_000 })
    .toEqual(expect.arrayContaining(["held", "quick.n1", `quick.n${recorded}`]));
});

test("List of all teams and a Stream from its cursor have everything between them", async () => {
  await using server = await startTestServer();
  const { audit } = server.clients(await server.jwt({ role: "platform_admin" }));
  const teams = [newId("team"), newId("team"), newId("team")];
  const sent: string[] = [];
  let writing = true;
  const writers = teams.map(async (teamId) => {
    while (writing) {
      const { entry } = await audit.record({ entry: { teamId, action: "create" } });
      sent.push(entry?.id ?? "");
    }
  });
  const found = new Set<string>();
  let cursor = "";
  for (let round = 0; round < 5; round++) {
    let pageToken = "";
    do {
      const order = ListOrder.OLDEST_FIRST;
      const page = await audit.list({ allTeams: true, order, pageSize: 200, pageToken });
      for (const { id } of page.entries) found.add(id);
      ({ cursor, nextPageToken: pageToken } = page);
    } while (pageToken !== "");
  }
  writing = false;
  await Promise.all(writers);
  await using rest = new Follower(audit, {
    allTeams: true,
    start: { case: "afterCursor", value: cursor },
  });
  await rest.until(({ entries }) => {
    const all = new Set([...found, ...entries.map(({ id }) => id)]);
    return sent.every((id) => all.has(id));
  });
});

test("a reader of the last entries of all teams gets what commits late, and none of the earlier ones", async () => {
  await using database = await createDatabase();
  await using server = await startTestServer({ database, overrides: { pollMs: 100 } });
  const { audit } = server.clients(await server.jwt({ role: "platform_admin" }));
  const [slow, quick] = [newId("team"), newId("team")];
  await recordSettled(audit, slow, "before");
  await using held = await holdAppend(database.url, slow);
  for (const n of [1, 2, 3]) {
    await audit.record({ entry: { teamId: quick, action: `quick.n${n}` } });
  }
  await using reader = new Follower(audit, { allTeams: true, start: { case: "last", value: 2 } });
  const actions = () => reader.entries.map(({ action }) => action);
  await reader.until(() => actions().includes("quick.n3"));
  await held.commit();
  await reader.until(() => actions().includes("held"));
  const own = actions().filter((action) => action !== "read_all_teams");
  expect(own).toEqual(["quick.n2", "quick.n3", "held"]);
});
