import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { createDatabase } from "../support/postgres.ts";
import { startServerProcess } from "../support/server-process.ts";
import { Load } from "./load.ts";
import { ResumingReader } from "./resuming-reader.ts";
import { expectAcknowledged, readStoredLog } from "./stored-log.ts";

test("kill -9 of a replica under load loses and doubles nothing, and the other goes on", async () => {
  await using database = await createDatabase();
  const env = { DATABASE_URL: database.url };
  await using survivor = await startServerProcess(env);
  let victim = await startServerProcess(env);
  const audits = () => [survivor, victim].map((server) => server.client().audit);
  let replicas = audits();
  const choose = () => replicas[Math.floor(Math.random() * 2)] as (typeof replicas)[number];
  await using load = new Load(choose);
  await using reader = new ResumingReader(choose, load.teams[0] as string);
  for (let kill = 0; kill < 3; kill++) {
    await load.more(200);
    await victim.end("SIGKILL");
    await load.more(200);
    await victim[Symbol.asyncDispose]();
    victim = await startServerProcess(env);
    replicas = audits();
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
  await victim[Symbol.asyncDispose]();
});

test("kill -9 of the embedded default under load loses nothing acknowledged", async () => {
  const directory = await mkdtemp(join(tmpdir(), "annals-test-"));
  try {
    const env = { DATA_DIR: join(directory, "data") };
    let server = await startServerProcess(env);
    let { audit } = server.client();
    const load = new Load(() => audit);
    await using reader = new ResumingReader(() => audit, load.teams[0] as string);
    for (let kill = 0; kill < 2; kill++) {
      await load.more(100);
      await server.end("SIGKILL");
      await server[Symbol.asyncDispose]();
      server = await startServerProcess(env);
      ({ audit } = server.client());
    }
    await load.more(100);
    await load.stop();
    for (const teamId of load.teams) {
      const log: string[] = [];
      const start = { case: "beginning", value: {} } as const;
      for await (const { entries } of audit.stream({ teamId, start, stopAtHead: true })) {
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
    await server[Symbol.asyncDispose]();
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}, 60_000);
