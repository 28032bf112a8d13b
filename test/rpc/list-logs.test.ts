import { timestampMs } from "@bufbuild/protobuf/wkt";
import pg from "pg";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { Log } from "../../gen/audit/v1/access_service_pb.ts";
import { refusal } from "../support/refusal.ts";
import {
  newId,
  startTestServer,
  type TestClients,
  type TestServer,
  transports,
} from "../support/server.ts";

const platform = "team-00000000-0000-0000-0000-000000000000";
const teams = [platform, ...Array.from({ length: 6 }, () => newId("team")).sort()];
const cleanup = new AsyncDisposableStack();
let server: TestServer;
let root: TestClients["audit"];
let reader: TestClients["access"];
/** When the newest entry of each team was recorded. */
const newest = new Map<string, number>();

beforeAll(async () => {
  server = cleanup.use(await startTestServer());
  ({ audit: root, access: reader } = server.clients(await server.jwt({ role: "platform_admin" })));
  for (const [i, teamId] of teams.entries()) {
    for (let n = 0; n <= i; n++) {
      const { entry } = await root.record({ entry: { teamId, action: "note" } });
      if (entry?.recordTime) newest.set(teamId, timestampMs(entry.recordTime));
    }
  }
  await using client = await connected();
  // As an append leaves it that failed after making the head.
  const empty = "11111111-1111-4111-8111-111111111111";
  await client.query("INSERT INTO control_plane.audit_log_heads (team_id) VALUES ($1)", [empty]);
});
afterAll(() => cleanup.disposeAsync());

async function connected() {
  const client = new pg.Client({ connectionString: server.databaseUrl });
  await client.connect();
  return {
    query: (text: string, values: unknown[]) => client.query(text, values),
    [Symbol.asyncDispose]: () => client.end(),
  };
}

test.each(transports)("the logs that have entries are listed by team, over %s", async (name) => {
  const clients = server.clients(await server.jwt({ role: "platform_admin" }), name);
  const { logs, nextPageToken } = await clients.access.listLogs({});
  expect(
    logs.map(({ teamId, size, firstSequence, lastRecordTime }) => ({
      teamId,
      size,
      firstSequence,
      lastRecordTime: lastRecordTime && timestampMs(lastRecordTime),
    })),
  ).toEqual(
    teams.map((teamId, i) => ({
      teamId,
      size: BigInt(i + 1),
      firstSequence: 1n,
      lastRecordTime: newest.get(teamId),
    })),
  );
  expect(nextPageToken).toBe("");
});

test.each([1, 2, 3, 6, 7, 8])("every log comes once in pages of %i", async (pageSize) => {
  const found: Log[] = [];
  let pageToken = "";
  do {
    const page = await reader.listLogs({ pageSize, pageToken });
    expect(page.logs.length).toBeLessThanOrEqual(pageSize);
    expect(page.logs.length).toBeGreaterThan(0);
    found.push(...page.logs);
    pageToken = page.nextPageToken;
  } while (pageToken !== "");
  expect(found.map(({ teamId }) => teamId)).toEqual(teams);
});

test("a log that was pruned tells where it begins", async () => {
  const teamId = newId("team");
  const entries = Array.from({ length: 300 }, () => ({ teamId, action: "note" }));
  await root.recordBatch({ entries });
  await using client = await connected();
  await client.query(
    "UPDATE control_plane.audit_log_heads SET first_sequence = 257 WHERE team_id = $1",
    [teamId.slice("team-".length)],
  );
  const { logs } = await reader.listLogs({});
  expect(logs.find((log) => log.teamId === teamId)).toMatchObject({
    size: 300n,
    firstSequence: 257n,
  });
});

test("only platform admins list logs", async () => {
  const teamId = newId("team");
  for (const claims of [
    { role: "member", teamId },
    { role: "owner", teamId },
    { role: "service", grants: ["read_admin"] },
  ] as const) {
    const { access } = server.clients(await server.jwt(claims));
    expect(await refusal(access.listLogs({}))).toMatchObject({
      code: "permission_denied",
      reason: "PERMISSION_MISSING",
    });
  }
});

test("a page token of another list, or of none, is refused", async () => {
  const { nextPageToken } = await root.list({ allTeams: true, pageSize: 1 });
  const forged = [
    nextPageToken,
    "nonsense",
    "x".repeat(2_000),
    ...[["l1"], ["l2", platform.slice(5)], ["l1", platform], ["l1", 1], { l1: 1 }].map((value) =>
      Buffer.from(JSON.stringify(value)).toString("base64url"),
    ),
  ];
  for (const pageToken of forged) {
    expect(await refusal(reader.listLogs({ pageToken }))).toMatchObject({
      code: "invalid_argument",
      reason: "PAGE_TOKEN_INVALID",
    });
  }
  expect(await refusal(reader.listLogs({ pageSize: -1 }))).toMatchObject({
    code: "invalid_argument",
    reason: "INVALID_FIELD",
  });
});
