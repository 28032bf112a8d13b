import { Code } from "@connectrpc/connect";
import { expect, test } from "vitest";
import { Follower } from "../feed/follower.ts";
import { createDataDir } from "../support/data-dir.ts";
import { createDatabase } from "../support/postgres.ts";
import { startServerProcess } from "../support/server-process.ts";
import { Load } from "./load.ts";
import { ResumingReader } from "./resuming-reader.ts";
import { expectAcknowledged, readStoredLog } from "./stored-log.ts";

test("kill -9 of a replica under load loses and doubles nothing, and the other goes on", async () => {
  await using database = await createDatabase();
  await using servers = new AsyncDisposableStack();
  const start = async () => {
    const server = servers.use(await startServerProcess({ DATABASE_URL: database.url }));
    return { server, audit: server.client().audit };
  };
  const survivor = await start();
  let victim = await start();
  const choose = () => (Math.random() < 0.5 ? survivor : victim).audit;
  await using load = new Load(choose);
  await using reader = new ResumingReader(choose, load.teams[0] as string);
  for (let kill = 0; kill < 3; kill++) {
    await load.more(200);
    await victim.server.end("SIGKILL");
    await load.more(200);
    victim = await start();
  }
  await load.more(200);
  await load.stop();
  const logs = new Map<string, string[]>();
  for (const teamId of load.teams) {
    const log = await readStoredLog(database.url, teamId);
    logs.set(teamId, log);
    expectAcknowledged(load.acknowledged.get(teamId) ?? new Map(), log);
  }
  const followed = logs.get(load.teams[0] as string) ?? [];
  await reader.reached(followed.length);
  expect(reader.ids).toEqual(followed);
});

test("SIGTERM under load answers what is under way, tells the streams, and leaves nothing open", async () => {
  await using database = await createDatabase();
  await using servers = new AsyncDisposableStack();
  const start = async () => {
    const server = servers.use(await startServerProcess({ DATABASE_URL: database.url }));
    return { server, audit: server.client().audit };
  };
  let current = await start();
  await using load = new Load(() => current.audit);
  const teamId = load.teams[0] as string;
  await load.more(100);
  await using told = new Follower(current.audit, { teamId });
  await told.begun();
  const leaving = current;
  current = await start();
  // It ends by itself, with status 0: no timer, socket or session keeps the process.
  await leaving.server.end("SIGTERM");
  expect(await told.ended).toMatchObject({ code: Code.Unavailable });
  await load.more(100);
  await load.stop();
  for (const team of load.teams) {
    const log = await readStoredLog(database.url, team);
    expectAcknowledged(load.acknowledged.get(team) ?? new Map(), log);
  }
  const after = { case: "afterCursor", value: told.cursor } as const;
  await using resumed = new Follower(current.audit, { teamId, start: after, stopAtHead: true });
  expect(await resumed.ended).toBeUndefined();
  const ids = [...told.entries, ...resumed.entries].map(({ id }) => id);
  const log = await readStoredLog(database.url, teamId);
  expect(ids).toEqual(log.slice(-ids.length));
});

test("kill -9 of the embedded default under load loses nothing acknowledged", async () => {
  await using directory = await createDataDir();
  await using servers = new AsyncDisposableStack();
  const start = async () => {
    const env = { DATA_DIR: directory.path };
    const server = servers.use(await startServerProcess(env));
    return { server, audit: server.client().audit };
  };
  let current = await start();
  await using load = new Load(() => current.audit);
  await using reader = new ResumingReader(() => current.audit, load.teams[0] as string);
  for (let kill = 0; kill < 2; kill++) {
    await load.more(100);
    await current.server.end("SIGKILL");
    current = await start();
  }
  await load.more(100);
  await load.stop();
  for (const teamId of load.teams) {
    const log: string[] = [];
    const beginning = { case: "beginning", value: {} } as const;
    const request = { teamId, start: beginning, stopAtHead: true };
    for await (const { entries } of current.audit.stream(request)) {
      for (const { id, sequence } of entries) {
        log.push(id);
        expect(sequence).toBe(BigInt(log.length));
      }
    }
    expectAcknowledged(load.acknowledged.get(teamId) ?? new Map(), log);
    expect(new Set(log).size).toBe(log.length);
    if (teamId === load.teams[0]) {
      await reader.reached(log.length);
      expect(reader.ids).toEqual(log);
    }
  }
}, 60_000);
