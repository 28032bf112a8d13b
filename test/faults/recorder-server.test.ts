import { expect, test } from "vitest";
import { createRecorder } from "../../src/client/recorder/create-recorder.ts";
import { endsAppend } from "../support/append-bytes.ts";
import { startFaultProxy } from "../support/fault-proxy.ts";
import { createDatabase } from "../support/postgres.ts";
import { RecorderTraffic } from "../support/recorder-traffic.ts";
import { newId } from "../support/server.ts";
import { adminToken, startServerProcess } from "../support/server-process.ts";
import { startTcpProxy } from "../support/tcp-proxy.ts";
import { expectAll, expectNoneLost, readCountedEntries } from "./counted-entries.ts";
import { patience } from "./patience.ts";

const backoff = { baseMs: 20, maxMs: 200 };

test.each(["SIGKILL", "SIGTERM"] as const)(
  "%s of the server amid traffic, and a new one: each entry is recorded once and in order",
  async (signal) => {
    await using database = await createDatabase();
    await using servers = new AsyncDisposableStack();
    const start = async () => servers.use(await startServerProcess({ DATABASE_URL: database.url }));
    let server = await start();
    await using proxy = await startFaultProxy(server.url);
    await using recorder = createRecorder({ baseUrl: proxy.url, token: adminToken, backoff });
    const traffic = new RecorderTraffic(recorder, { teams: [newId("team"), newId("team")] });
    traffic.start();
    for (let round = 0; round < 3; round++) {
      const { recorded } = recorder.stats;
      await expect.poll(() => recorder.stats.recorded, patience).toBeGreaterThan(recorded + 300);
      const ended = server.end(signal);
      server = await start();
      await ended;
      proxy.upstream = server.url;
    }
    await traffic.stop();
    expect(await recorder.flush({ timeoutMs: 20_000 })).toBe(true);
    expect(traffic.thrown).toEqual([]);
    expectNoneLost(recorder.stats);
    expect(recorder.stats).toMatchObject({ recorded: traffic.taken });
    expect(recorder.stats.retries).toBeGreaterThan(0);
    expectAll(await readCountedEntries(database.url), traffic);
  },
  60_000,
);

test("a server that loses its database amid traffic: each entry is recorded once and in order", async () => {
  await using database = await createDatabase();
  await using postgres = await startTcpProxy(database.url);
  await using server = await startServerProcess({ DATABASE_URL: postgres.url });
  await using recorder = createRecorder({ baseUrl: server.url, token: adminToken, backoff });
  const traffic = new RecorderTraffic(recorder, { teams: [newId("team"), newId("team")] });
  traffic.start();
  // Every tenth commit's answer is lost with its connection.
  let commits = 0;
  let cuts = 0;
  let due = false;
  postgres.fromClient = (bytes) => {
    if (endsAppend(bytes)) due = ++commits % 10 === 0;
    return "pass";
  };
  postgres.fromServer = () => {
    if (!due) return "pass";
    due = false;
    cuts += 1;
    return "cut";
  };
  await expect.poll(() => cuts, patience).toBeGreaterThan(4);
  await traffic.stop();
  expect(await recorder.flush({ timeoutMs: 20_000 })).toBe(true);
  expect(traffic.thrown).toEqual([]);
  expectNoneLost(recorder.stats);
  expect(recorder.stats).toMatchObject({ recorded: traffic.taken });
  expectAll(await readCountedEntries(database.url), traffic);
}, 60_000);
