import pg from "pg";
import { expect, test } from "vitest";
import type { ServerOverrides } from "../../src/server/overrides.ts";
import { createDatabase } from "../support/postgres.ts";
import { newId, startTestServer } from "../support/server.ts";
import { Follower, sequences, upTo } from "./follower.ts";

const secret = "a secret that both replicas share";
const noPolling: ServerOverrides = { pollMs: 3_600_000 };

/** Two replicas on a new database: one that records, one that is followed. */
async function twoReplicas(hints: boolean, overrides: ServerOverrides = {}) {
  await using cleanup = new AsyncDisposableStack();
  const database = cleanup.use(await createDatabase());
  const start = async () => {
    const env = { FEED_HINTS: String(hints) };
    const server = cleanup.use(await startTestServer({ database, env, overrides, secret }));
    return server.clients(await server.jwt({ role: "platform_admin" })).audit;
  };
  const [recording, followed] = [await start(), await start()];
  const owned = cleanup.move();
  return {
    database,
    recording,
    followed,
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

test("with hints off, another replica's entries arrive within 1.5 s", async () => {
  await using replicas = await twoReplicas(false);
  const teamId = newId("team");
  await using follower = new Follower(replicas.followed, { teamId });
  await using acrossTeams = new Follower(replicas.followed, { allTeams: true });
  await Promise.all([follower.begun(), acrossTeams.begun()]);
  const waits: number[] = [];
  for (const n of upTo(5)) {
    await replicas.recording.record({ entry: { teamId, action: "create" } });
    const acknowledged = performance.now();
    await follower.until(({ entries }) => entries.length === n);
    waits.push(performance.now() - acknowledged);
  }
  expect(sequences(follower.entries)).toEqual(upTo(5));
  // The best of five, so that a machine that stalls now and then does not fail it.
  expect(Math.min(...waits)).toBeLessThan(1_500);
  await acrossTeams.until(({ entries }) => entries.filter((e) => e.teamId === teamId).length === 5);
});

test("with hints on, they arrive without any polling", async () => {
  await using replicas = await twoReplicas(true, noPolling);
  const teamId = newId("team");
  await using follower = new Follower(replicas.followed, { teamId });
  await using acrossTeams = new Follower(replicas.followed, { allTeams: true });
  await Promise.all([follower.begun(), acrossTeams.begun()]);
  for (const n of upTo(20)) {
    await replicas.recording.record({ entry: { teamId, action: "create" } });
    if (n % 5 === 0) await follower.until(({ entries }) => entries.length === n);
  }
  expect(sequences(follower.entries)).toEqual(upTo(20));
  await acrossTeams.until(({ entries }) => entries.some((e) => e.sequence === 20n));
});

test("a reader who comes tells those who wait of what nobody has told them", async () => {
  await using replicas = await twoReplicas(false, { ...noPolling, heartbeatMs: 3_600_000 });
  const teamId = newId("team");
  await using waiting = new Follower(replicas.followed, { teamId });
  await waiting.begun();
  await replicas.recording.record({ entry: { teamId, action: "create" } });
  await using coming = new Follower(replicas.followed, { teamId });
  await coming.begun();
  await waiting.until(({ entries }) => entries.length === 1);
});

test("a LISTEN connection that is killed comes back, and what it missed is found", async () => {
  await using replicas = await twoReplicas(true, noPolling);
  const superuser = new pg.Client({ connectionString: replicas.database.url });
  await superuser.connect();
  await using _end = { [Symbol.asyncDispose]: () => superuser.end() };
  const teamId = newId("team");
  await using follower = new Follower(replicas.followed, { teamId });
  await follower.begun();
  for (const n of upTo(5)) {
    const { rowCount } = await superuser.query(
      `SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity
       WHERE datname = current_database() AND application_name = 'annals-listen'`,
    );
    expect(rowCount).toBeGreaterThan(0);
    // Nobody listens now.
    await replicas.recording.record({ entry: { teamId, action: "create" } });
    await follower.until(({ entries }) => entries.length === n);
  }
  expect(sequences(follower.entries)).toEqual(upTo(5));
});

test("a hint that somebody else has sent ends no stream and hides nothing", async () => {
  await using replicas = await twoReplicas(true, noPolling);
  const teamId = newId("team");
  await using follower = new Follower(replicas.followed, { teamId });
  await follower.begun();
  await replicas.recording.record({ entry: { teamId, action: "create" } });
  await follower.until(({ entries }) => entries.length === 1);
  const client = new pg.Client(replicas.database.url);
  await client.connect();
  const uuid = teamId.replace("team-", "");
  for (const payload of [`x ${uuid}`, `x ${uuid}=99`, `x ${uuid},${uuid}`, "x", "", " ,,"]) {
    await client.query("SELECT pg_notify('annals_feed', $1)", [payload]);
  }
  await client.end();
  await replicas.recording.record({ entry: { teamId, action: "create" } });
  await follower.until(({ entries }) => entries.length === 2);
  expect(sequences(follower.entries)).toEqual([1, 2]);
});
