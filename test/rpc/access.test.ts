import { randomBytes } from "node:crypto";
import { createClient } from "@connectrpc/connect";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { Permissions } from "../../gen/audit/v1/access_service_pb.ts";
import { ActorType, EntryScope } from "../../gen/audit/v1/entry_pb.ts";
import { ErrorReasonSchema } from "../../gen/audit/v1/error_reason_pb.ts";
import { ApiKeyGrant } from "../../gen/audit/v1/key_service_pb.ts";
import { ProofService } from "../../gen/audit/v1/proof_service_pb.ts";
import { describeRefusal } from "../support/refusal.ts";
import { newId, startTestServer, type TestClients, type TestServer } from "../support/server.ts";

/**
 * Who may do what, written out from the design. A cell has a word for team A, team B and the
 * platform team. `ok`; for reading, the scopes that can be read, `team` or `all`; else why not:
 * `no-team` TEAM_NOT_ALLOWED, `no-grant` PERMISSION_MISSING, `no-actor` ACTOR_NOT_ALLOWED, and
 * the last word of CREDENTIAL_MISSING, _EXPIRED, _REVOKED or _INVALID.
 */
const table = `
| principal             | record as itself        | record another           | read                       | prove growth               | all teams | manage API keys            | erase details              |
| member of A           | ok no-team no-team      | no-actor no-team no-team | team no-team no-team       | ok no-team no-team         | no-grant  | no-grant no-team no-team   | no-grant no-team no-team   |
| admin of A            | ok no-team no-team      | no-actor no-team no-team | all no-team no-team        | ok no-team no-team         | no-grant  | ok no-team no-team         | ok no-team no-team         |
| owner of A            | ok no-team no-team      | no-actor no-team no-team | all no-team no-team        | ok no-team no-team         | no-grant  | ok no-team no-team         | ok no-team no-team         |
| admin of B            | no-team ok no-team      | no-team no-actor no-team | no-team all no-team        | no-team ok no-team         | no-grant  | no-team ok no-team         | no-team ok no-team         |
| member of platform    | no-team no-team ok      | no-team no-team no-actor | no-team no-team team       | no-team no-team ok         | no-grant  | no-team no-team no-grant   | no-team no-team no-grant   |
| platform admin        | ok ok ok                | ok ok ok                 | all all all                | ok ok ok                   | all       | ok ok ok                   | ok ok ok                   |
| platform admin, in A  | ok ok ok                | ok ok ok                 | all all all                | ok ok ok                   | all       | ok ok ok                   | ok ok ok                   |
| service               | ok ok ok                | ok ok ok                 | no-grant no-grant no-grant | no-grant no-grant no-grant | no-grant  | no-grant no-grant no-grant | no-grant no-grant no-grant |
| service, read         | ok ok ok                | ok ok ok                 | team team team             | ok ok ok                   | no-grant  | no-grant no-grant no-grant | no-grant no-grant no-grant |
| service, read_admin   | ok ok ok                | ok ok ok                 | all all all                | ok ok ok                   | no-grant  | no-grant no-grant no-grant | no-grant no-grant no-grant |
| service in A          | ok ok ok                | ok ok ok                 | no-grant no-grant no-grant | no-grant no-grant no-grant | no-grant  | no-grant no-grant no-grant | no-grant no-grant no-grant |
| key of A              | ok no-team no-team      | no-actor no-team no-team | no-grant no-team no-team   | no-grant no-team no-team   | no-grant  | no-grant no-team no-team   | no-grant no-team no-team   |
| key of A, read        | ok no-team no-team      | no-actor no-team no-team | team no-team no-team       | ok no-team no-team         | no-grant  | no-grant no-team no-team   | no-grant no-team no-team   |
| key of A, read_admin  | ok no-team no-team      | no-actor no-team no-team | all no-team no-team        | ok no-team no-team         | no-grant  | no-grant no-team no-team   | no-grant no-team no-team   |
| key of A, any actor   | ok no-team no-team      | ok no-team no-team       | no-grant no-team no-team   | no-grant no-team no-team   | no-grant  | no-grant no-team no-team   | no-grant no-team no-team   |
| no credential         | missing missing missing | missing missing missing  | missing missing missing    | missing missing missing    | missing   | missing missing missing    | missing missing missing    |
| expired JWT           | expired expired expired | expired expired expired  | expired expired expired    | expired expired expired    | expired   | expired expired expired    | expired expired expired    |
| expired key of A      | expired expired expired | expired expired expired  | expired expired expired    | expired expired expired    | expired   | expired expired expired    | expired expired expired    |
| revoked key of A      | revoked revoked revoked | revoked revoked revoked  | revoked revoked revoked    | revoked revoked revoked    | revoked   | revoked revoked revoked    | revoked revoked revoked    |
| unknown key           | invalid invalid invalid | invalid invalid invalid  | invalid invalid invalid    | invalid invalid invalid    | invalid   | invalid invalid invalid    | invalid invalid invalid    |
| JWT of another issuer | invalid invalid invalid | invalid invalid invalid  | invalid invalid invalid    | invalid invalid invalid    | invalid   | invalid invalid invalid    | invalid invalid invalid    |
`;

const [header = [], ...rows] = table
  .trim()
  .split("\n")
  .map((line) =>
    line
      .split("|")
      .slice(1, -1)
      .map((cell) => cell.trim()),
  );

const words: Record<string, string> = {
  TEAM_NOT_ALLOWED: "no-team",
  PERMISSION_MISSING: "no-grant",
  ACTOR_NOT_ALLOWED: "no-actor",
  CREDENTIAL_MISSING: "missing",
  CREDENTIAL_EXPIRED: "expired",
  CREDENTIAL_REVOKED: "revoked",
  CREDENTIAL_INVALID: "invalid",
};
const teamA = newId("team");
const teamB = newId("team");
const platform = "team-00000000-0000-0000-0000-000000000000";
const teams = [teamA, teamB, platform];
/** In each team, one entry of scope team and one of scope admin are about it. */
const fixture = { type: "fixture", id: "fixture" };
const fixtures = new Map<string, { team: string; admin: string }>();

const cleanup = new AsyncDisposableStack();
let server: TestServer;
let root: TestClients;

beforeAll(async () => {
  server = cleanup.use(await startTestServer({ overrides: { apiKeyCacheMs: 1 } }));
  root = server.clients(await server.jwt({ role: "platform_admin" }));
  for (const teamId of teams) {
    const ids = await Promise.all(
      [EntryScope.TEAM, EntryScope.ADMIN].map(async (scope) => {
        const entry = { teamId, action: "note", resource: fixture, scope };
        return (await root.audit.record({ entry })).entry?.id ?? "";
      }),
    );
    fixtures.set(teamId, { team: ids[0] ?? "", admin: ids[1] ?? "" });
  }
});
afterAll(() => cleanup.disposeAsync());

const key = async (...grants: ApiKeyGrant[]) =>
  (await root.keys.createApiKey({ teamId: teamA, name: "bot", grants })).secret;

/** The credential of each principal. */
const credentials: Record<string, () => Promise<string | undefined>> = {
  "member of A": () => server.jwt({ role: "member", teamId: teamA }),
  "admin of A": () => server.jwt({ role: "admin", teamId: teamA }),
  "owner of A": () => server.jwt({ role: "owner", teamId: teamA }),
  "admin of B": () => server.jwt({ role: "admin", teamId: teamB }),
  "member of platform": () => server.jwt({ role: "member", teamId: platform }),
  "platform admin": () => server.jwt({ role: "platform_admin" }),
  "platform admin, in A": () => server.jwt({ role: "platform_admin", teamId: teamA }),
  service: () => server.jwt({ role: "service" }),
  "service, read": () => server.jwt({ role: "service", grants: ["read"] }),
  "service, read_admin": () => server.jwt({ role: "service", grants: ["read_admin"] }),
  "service in A": () => server.jwt({ role: "service", teamId: teamA }),
  "key of A": () => key(),
  "key of A, read": () => key(ApiKeyGrant.READ),
  "key of A, read_admin": () => key(ApiKeyGrant.READ_ADMIN),
  "key of A, any actor": () => key(ApiKeyGrant.RECORD_ANY_ACTOR),
  "no credential": async () => undefined,
  "expired JWT": () => server.jwt({ role: "platform_admin", expiresIn: -1 }),
  "expired key of A": expiredKey,
  "revoked key of A": revokedKey,
  "unknown key": async () => `annals_${randomBytes(32).toString("base64url")}`,
  "JWT of another issuer": foreignJwt,
};

async function expiredKey() {
  const expireTime = { seconds: BigInt(Math.ceil(Date.now() / 1_000) + 1), nanos: 0 };
  const made = await root.keys.createApiKey({ teamId: teamA, name: "bot", expireTime });
  await expect
    .poll(() => Date.now() / 1_000, { timeout: 5_000 })
    .toBeGreaterThan(Number(expireTime.seconds));
  return made.secret;
}

async function revokedKey() {
  const { apiKey, secret } = await root.keys.createApiKey({ teamId: teamA, name: "bot" });
  await root.keys.revokeApiKey({ teamId: teamA, id: apiKey?.id ?? "" });
  return secret;
}

async function foreignJwt() {
  await using other = await startTestServer({ database: { url: server.databaseUrl } });
  return await other.jwt({ role: "platform_admin" });
}

test("the table is about every principal there is a credential for", () => {
  expect(rows.map(([principal]) => principal)).toEqual(Object.keys(credentials));
});

test.each(rows)("%s", async (principal, ...expected) => {
  const clients = server.clients(await credentials[principal ?? ""]?.());
  const measured = [
    await across(teams, (teamId) => recording(clients, { teamId })),
    await across(teams, (teamId) =>
      recording(clients, { teamId, actor: { type: ActorType.USER, id: newId("usr") } }),
    ),
    await across(teams, (teamId) => reading(clients, teamId)),
    await across(teams, (teamId) => provingGrowth(clients, teamId)),
    await readingAll(clients),
    await across(teams, (teamId) => managing(clients, teamId)),
    await across(teams, (teamId) => erasing(clients, teamId)),
  ];
  const named = (cells: readonly string[]) =>
    Object.fromEntries(header.slice(1).map((name, i) => [name, cells[i]]));
  expect(named(measured)).toEqual(named(expected));

  const [, , read, , all, manage, erase] = measured;
  expect(await toldByGetCaller(clients)).toEqual({ read, all, manage, erase });
});

/** What GetCaller says may be done, in the words of the table. */
async function toldByGetCaller({ access }: TestClients) {
  const told = async (request: { teamId?: string }, word: (may: Permissions) => string) => {
    let may: Permissions | undefined;
    const call = access.getCaller(request).then(({ permissions }) => {
      may = permissions;
    });
    const settled = await outcome(call);
    return may === undefined ? settled : word(may);
  };
  const byTeam = (word: (may: Permissions) => string) =>
    across(teams, (teamId) => told({ teamId }, word));
  return {
    read: await byTeam(
      ({ readableScopes: { length } }) => ["no-grant", "team", "all"][length] ?? "?",
    ),
    all: await told({}, ({ readAllTeams }) => (readAllTeams ? "all" : "no-grant")),
    manage: await byTeam(({ manageApiKeys }) => (manageApiKeys ? "ok" : "no-grant")),
    erase: await byTeam(({ eraseDetails }) => (eraseDetails ? "ok" : "no-grant")),
  };
}

async function across(ids: readonly string[], measure: (teamId: string) => Promise<string>) {
  const cells: string[] = [];
  for (const id of ids) cells.push(await measure(id));
  return cells.join(" ");
}

/** The word that several calls agree on; all of them if they differ. */
function agreed(outcomes: Record<string, string>): string {
  const found = new Set(Object.values(outcomes));
  return found.size === 1 ? [...found].join() : JSON.stringify(outcomes);
}

async function outcome(call: Promise<unknown>): Promise<string> {
  try {
    await call;
    return "ok";
  } catch (error) {
    const { code, reason = "" } = describeRefusal(error);
    const word = words[reason] ?? `${code} ${reason}`;
    expect(code).toBe(word.startsWith("no-") ? "permission_denied" : "unauthenticated");
    return word;
  }
}

type Recorded = { teamId: string; actor?: { type: ActorType; id: string } };

async function recording({ audit }: TestClients, recorded: Recorded): Promise<string> {
  const outcomes: Record<string, string> = {};
  for (const scope of [EntryScope.TEAM, EntryScope.ADMIN]) {
    const entry = { ...recorded, scope, action: "try" };
    outcomes[`Record ${scope}`] = await outcome(audit.record({ entry }));
    let inBatch = "ok";
    const batch = audit.recordBatch({ entries: [entry] }).then(({ results: [result] }) => {
      if (result?.outcome.case !== "error") return;
      inBatch = words[ErrorReasonSchema.value[result.outcome.value.reason]?.localName ?? ""] ?? "?";
    });
    const whole = await outcome(batch);
    outcomes[`RecordBatch ${scope}`] = whole === "ok" ? inBatch : whole;
  }
  return agreed(outcomes);
}

async function reading({ audit, transport }: TestClients, teamId: string): Promise<string> {
  const filter = { resourceIds: [fixture.id] };
  const ids = fixtures.get(teamId);
  const get = async (id = "") => {
    try {
      return (await audit.get({ teamId, key: { case: "id", value: id } })).entry ? 1 : 0;
    } catch (error) {
      if (describeRefusal(error).reason === "ENTRY_NOT_FOUND") return 0;
      throw error;
    }
  };
  const got = async () => [(await get(ids?.team)) + (await get(ids?.admin))];
  const proofs = createClient(ProofService, transport);
  const prove = async (id = "") => {
    try {
      const key = { case: "id", value: id } as const;
      return (await proofs.getInclusionProof({ teamId, key })).leafHash.length / 32;
    } catch (error) {
      if (describeRefusal(error).reason === "ENTRY_NOT_FOUND") return 0;
      throw error;
    }
  };
  const proved = async () => [(await prove(ids?.team)) + (await prove(ids?.admin))];
  const beginning = { case: "beginning", value: {} } as const;
  const stream = { teamId, filter, start: beginning, stopAtHead: true };
  return agreed({
    GetInclusionProof: await counted(proved()),
    Get: await counted(got()),
    List: await counted(audit.list({ teamId, filter }).then((page) => [page.entries.length])),
    Stream: await counted(lengths(audit.stream(stream))),
    "Stream withheld": await counted(lengths(audit.stream({ ...stream, withheld: true }))),
  });
}

function provingGrowth({ transport }: TestClients, teamId: string): Promise<string> {
  const proofs = createClient(ProofService, transport);
  return outcome(proofs.getConsistencyProof({ teamId, fromSize: 1n }));
}

async function readingAll({ audit, access }: TestClients): Promise<string> {
  const filter = { resourceIds: [fixture.id] };
  const all = { allTeams: true, filter } as const;
  return agreed({
    // A log that is listed counts as both of its fixtures.
    ListLogs: await counted(
      access
        .listLogs({})
        .then(({ logs }) => teams.map((id) => (logs.some((log) => log.teamId === id) ? 2 : 0))),
    ),
    List: await counted(
      audit
        .list(all)
        .then(({ entries }) => teams.map((id) => entries.filter((e) => e.teamId === id).length)),
    ),
    Stream: await counted(
      (async () => {
        const perTeam = new Map(teams.map((id) => [id, 0]));
        const leaving = new AbortController();
        const { signal } = leaving;
        const stream = audit.stream({ ...all, start: { case: "last", value: 100 } }, { signal });
        for await (const { entries } of stream) {
          for (const { teamId } of entries) perTeam.set(teamId, (perTeam.get(teamId) ?? 0) + 1);
          if (entries.length > 0) break;
        }
        leaving.abort();
        return [...perTeam.values()];
      })(),
    ),
  });
}

async function lengths(stream: AsyncIterable<{ entries: unknown[] }>): Promise<number[]> {
  let length = 0;
  for await (const { entries } of stream) length += entries.length;
  return [length];
}

async function counted(call: Promise<readonly number[]>): Promise<string> {
  const settled = await outcome(call);
  return settled === "ok" ? visible(await call) : settled;
}

/** Two fixtures in each team: one or both. */
function visible(perTeam: readonly number[]): string {
  if (perTeam.every((count) => count === 2)) return "all";
  return perTeam.every((count) => count === 1) ? "team" : `sees ${perTeam}`;
}

async function managing({ keys }: TestClients, teamId: string): Promise<string> {
  const { apiKey } = await root.keys.createApiKey({ teamId, name: "to be revoked" });
  return agreed({
    CreateApiKey: await outcome(keys.createApiKey({ teamId, name: "new" })),
    ListApiKeys: await outcome(keys.listApiKeys({ teamId })),
    RevokeApiKey: await outcome(keys.revokeApiKey({ teamId, id: apiKey?.id ?? "" })),
  });
}

async function erasing({ audit }: TestClients, teamId: string): Promise<string> {
  const actor = { type: ActorType.USER, id: newId("usr"), name: "Ada" };
  const { entry } = await root.audit.record({ entry: { teamId, action: "note", actor } });
  return agreed({
    "by id": await outcome(audit.erase({ teamId, ids: [entry?.id ?? ""] })),
    "by actor": await outcome(audit.erase({ teamId, actorId: actor.id })),
  });
}
