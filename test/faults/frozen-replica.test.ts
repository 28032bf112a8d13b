import { expect, test } from "vitest";
import { append } from "../../src/store/append.ts";
import { openPools } from "../../src/store/pool.ts";
import { endsAppend } from "../support/append-bytes.ts";
import { newEntry, newTeam } from "../support/new-entry.ts";
import { createDatabase } from "../support/postgres.ts";
import { newId } from "../support/server.ts";
import { startServerProcess } from "../support/server-process.ts";
import { startTcpProxy } from "../support/tcp-proxy.ts";
import { readStoredLog } from "./stored-log.ts";

test("a replica frozen while it holds a head's lock is cut off, and when it thaws doubles nothing", async () => {
  await using database = await createDatabase();
  await using proxy = await startTcpProxy(database.url);
  await using frozen = await startServerProcess({ DATABASE_URL: proxy.url });
  await using other = await startServerProcess({ DATABASE_URL: database.url });
  const [here, there] = [frozen.client().audit, other.client().audit];
  const teamId = newId("team");
  const bystander = newId("team");
  // By the other: a log whose end a replica knows is locked, grown and committed in one go.
  await there.record({ entry: { teamId, action: "create" } });

  const stopped = Promise.withResolvers<void>();
  proxy.fromClient = (bytes) => {
    if (!endsAppend(bytes)) return "pass";
    frozen.signal("SIGSTOP");
    stopped.resolve();
    return "hold";
  };
  const held = here.record({ entry: { teamId, action: "frozen" } });
  await stopped.promise;
  proxy.fromClient = () => "pass";

  // Other teams go on at once, and the team when PostgreSQL has ended the silent session.
  const waiting = there.record({ entry: { teamId, action: "waited" } });
  let answered = false;
  void waiting.then(() => {
    answered = true;
  });
  for (let i = 0; i < 20; i++) {
    await there.record({ entry: { teamId: bystander, action: "create" } });
  }
  expect(answered).toBe(false);
  expect((await waiting).entry?.sequence).toBe(2n);

  frozen.signal("SIGCONT");
  const { entry } = await held;
  expect(entry?.sequence).toBe(3n);
  expect(frozen.alive).toBe(true);
  expect((await here.record({ entry: { teamId, action: "create" } })).entry?.sequence).toBe(4n);
  const log = await readStoredLog(database.url, teamId);
  expect(log).toHaveLength(4);
  expect(log[2]).toBe(entry?.id);
}, 60_000);

test("a replica frozen between the statements of one Sync is cut off too", async ({ skip }) => {
  await using database = await createDatabase();
  await using proxy = await startTcpProxy(database.url);
  await using pools = new AsyncDisposableStack();
  const open = (connectionString: string) => {
    const opened = openPools(
      { connection: { connectionString }, singleSession: false },
      1,
      () => {},
    );
    pools.defer(() => opened.close());
    return opened.write;
  };
  const [here, there] = [open(proxy.url), open(database.url)];
  const version = await there.query("SHOW server_version_num");
  skip(Number(version.rows[0].server_version_num) < 170_000, "transaction_timeout came with 17");
  const teamId = newTeam();
  await append(there, [newEntry(teamId)]);

  // All but the end: COMMIT is not asked for, and everything before it has been done.
  proxy.fromClient = (bytes) => (endsAppend(bytes) ? { holdAfter: bytes.length - 20 } : "pass");
  const held = expect(append(here, [newEntry(teamId, "frozen")])).rejects.toThrow(/terminated/);
  await expect.poll(() => proxy.held).toBe(1);
  const next = newEntry(teamId, "waited");
  const waited = async () => {
    const { entries } = await append(there, [next]);
    return entries.get(teamId)?.get(next.id)?.sequence;
  };
  await expect(waited()).rejects.toMatchObject({ code: "55P03" });
  await expect.poll(() => waited().catch(() => undefined), { timeout: 25_000 }).toBe(2n);
  await held;
}, 60_000);
