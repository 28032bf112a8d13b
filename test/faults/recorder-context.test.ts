import { setTimeout as delay } from "node:timers/promises";
import pg from "pg";
import { expect, test } from "vitest";
import { withAuditContext } from "../../src/client/context/audit-context.ts";
import type { TeamIdText } from "../../src/client/new-entry.ts";
import { newId } from "../support/server.ts";
import { expectNoneLost } from "./counted-entries.ts";
import { startRecorderSetting } from "./recorder-setting.ts";

const requests = 1_000;
const entriesEach = 3;

test("1,000 requests at once, over a network that breaks: each entry has its own request's actor", async () => {
  await using setting = await startRecorderSetting();
  setting.proxy.judge = ({ number }) => (number % 3 === 0 ? "cut" : "pass");
  const recorder = setting.recorder();
  const teamId = setting.teams[0] as TeamIdText;
  const handle = async (requestId: string, actorId: string) => {
    for (let i = 0; i < entriesEach; i++) {
      await delay(Math.random() * 20);
      // What it should be given goes along as metadata.
      recorder.record({ teamId, action: "count", metadata: { requestId, actorId } });
    }
  };
  await Promise.all(
    Array.from({ length: requests }, (_, i) => {
      const requestId = `request ${i}`;
      const actor = { type: "user", id: newId("usr"), name: `Person ${i}` } as const;
      return withAuditContext({ actor, requestId }, () => handle(requestId, actor.id));
    }),
  );
  recorder.record({ teamId, action: "outside" });
  expect(await recorder.flush({ timeoutMs: 20_000 })).toBe(true);
  expectNoneLost(recorder.stats);
  expect(recorder.stats).toMatchObject({ recorded: requests * entriesEach + 1 });

  const session = new pg.Client({ connectionString: setting.databaseUrl });
  await session.connect();
  try {
    const { rows } = await session.query<{ count: string; mine: string; requests: string }>(
      `SELECT count(*), count(DISTINCT request_id) AS requests,
         count(*) FILTER (WHERE actor_id = metadata->>'actorId' AND actor_type = 'user'
           AND request_id = metadata->>'requestId'
           AND actor_name = replace(request_id, 'request', 'Person')) AS mine
       FROM control_plane.audit_logs WHERE action = 'count'`,
    );
    expect(rows).toEqual([
      {
        count: String(requests * entriesEach),
        mine: String(requests * entriesEach),
        requests: String(requests),
      },
    ]);
    const outside = await session.query(
      "SELECT actor_type, actor_id, request_id FROM control_plane.audit_logs WHERE action = 'outside'",
    );
    // The server fills in the caller itself.
    expect(outside.rows).toEqual([
      { actor_type: "service", actor_id: "billing", request_id: null },
    ]);
  } finally {
    await session.end();
  }
});
