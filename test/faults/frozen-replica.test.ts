import { expect, test } from "vitest";
import { endsAppend } from "../support/append-bytes.ts";
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
