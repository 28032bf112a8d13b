import { randomUUID } from "node:crypto";
import type { MessageInitShape } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import {
  ActorType,
  type AuditEntrySchema,
  DetailsState,
  EntryScope,
  EntryStatus,
} from "../../gen/audit/v1/entry_pb.ts";
import { ErrorReason } from "../../gen/audit/v1/error_reason_pb.ts";
import { ApiKeyGrant } from "../../gen/audit/v1/key_service_pb.ts";
import { refusal } from "../support/refusal.ts";
import { newId, startTestServer, type TestClients, type TestServer } from "../support/server.ts";

type NewEntry = MessageInitShape<typeof AuditEntrySchema>;

const cleanup = new AsyncDisposableStack();
let server: TestServer;
let replica: TestServer;
let teamId: string;
let userId: string;
let clients: TestClients;
let audit: TestClients["audit"];

beforeAll(async () => {
  const secret = randomUUID();
  server = cleanup.use(await startTestServer({ secret }));
  const database = { url: server.databaseUrl };
  replica = cleanup.use(await startTestServer({ secret, database }));
});
afterAll(() => cleanup.disposeAsync());
beforeEach(async () => {
  teamId = newId("team");
  userId = newId("usr");
  clients = server.clients(await server.jwt({ role: "admin", teamId, sub: userId, name: "Ada" }));
  audit = clients.audit;
});

const record = async (entry: NewEntry, by = audit) => {
  const recorded = (await by.record({ entry })).entry;
  if (recorded === undefined) throw new Error("answered without the entry");
  return recorded;
};
const log = async (by = audit) => (await by.list({ pageSize: 200 })).entries.toReversed();

describe("the same id", () => {
  const full = () => ({
    id: newId("log"),
    action: "create",
    resource: { type: "sandbox", id: newId("sb"), name: "runner" },
    metadata: { b: 1, a: [true, null] },
    context: { ipAddress: "2001:db8::1", userAgent: "curl", requestId: "r", traceId: "t" },
    occurTime: timestampFromMs(1_000),
  });

  test("with the same content answers with the entry first recorded", async () => {
    const entry = full();
    const first = await record(entry);
    expect(await record(entry)).toEqual(first);
    expect(await log()).toHaveLength(1);
  });

  test("with content that is the same once normalised does too", async () => {
    const entry = full();
    const first = await record(entry);
    const again = {
      ...entry,
      scope: EntryScope.TEAM,
      status: EntryStatus.SUCCESS,
      actor: { type: ActorType.USER, id: userId, name: "Ada" },
      metadata: { a: [true, null], b: 1 },
      context: { ...entry.context, ipAddress: "2001:DB8:0:0::1" },
      occurTime: { seconds: 1n, nanos: 999_999 },
    };
    expect(await record(again)).toEqual(first);
  });

  test("without an actor answers with it too after the caller was renamed", async () => {
    const entry = full();
    const first = await record(entry);
    const token = await server.jwt({ role: "admin", teamId, sub: userId, name: "Ada King" });
    expect(await record(entry, server.clients(token).audit)).toEqual(first);
  });

  test("by another principal with the same actor answers with it too", async () => {
    const entry = { ...full(), teamId };
    const first = await record(entry);
    const service = server.clients(await server.jwt({ role: "service" })).audit;
    const actor = { type: ActorType.USER, id: userId, name: "Ada" };
    expect(await record({ ...entry, actor }, service)).toEqual(first);
  });

  test.each<[string, NewEntry]>([
    ["action", { action: "destroy" }],
    ["resource type", { resource: { type: "member" } }],
    ["resource name", { resource: { type: "sandbox", name: "other" } }],
    ["no resource", {}],
    ["scope", { scope: EntryScope.ADMIN }],
    ["status", { status: EntryStatus.ERROR }],
    ["metadata", { metadata: { a: 1 } }],
    ["address", { context: { ipAddress: "10.0.0.1" } }],
    ["user agent", { context: { userAgent: "wget" } }],
    ["request id", { context: { requestId: "other" } }],
    ["trace id", { context: { traceId: "other" } }],
    ["time", { occurTime: timestampFromMs(1_001) }],
  ])("with other content (%s) is ALREADY_EXISTS", async (_, change) => {
    const id = newId("log");
    const first = await record({ id, action: "create", resource: { type: "sandbox" } });
    expect(await refusal(record({ id, action: "create", ...change }))).toMatchObject({
      code: "already_exists",
      reason: "ID_CONFLICT",
      metadata: { id },
    });
    expect(await log()).toEqual([first]);
  });

  test("is another entry in another team", async () => {
    const service = server.clients(await server.jwt({ role: "service" })).audit;
    const entry = full();
    const teams = [newId("team"), newId("team")];
    const { results } = await service.recordBatch({
      entries: teams.map((id) => ({ ...entry, teamId: id })),
    });
    expect(results.map(({ outcome }) => outcome.value)).toMatchObject(
      teams.map((id) => ({ id: entry.id, teamId: id, sequence: 1n })),
    );
  });

  test("in one batch is settled there: the first content counts", async () => {
    const id = newId("log");
    const { results } = await audit.recordBatch({
      entries: [
        { id, action: "create" },
        { id, action: "destroy" },
        { action: "between" },
        { id, action: "create" },
      ],
    });
    const outcomes = results.map(({ outcome }) => outcome.value);
    expect(outcomes).toMatchObject([
      { id, action: "create", sequence: 1n },
      { code: 6, reason: ErrorReason.ID_CONFLICT },
      { action: "between", sequence: 2n },
      { id, action: "create", sequence: 1n },
    ]);
    expect((await log()).map(({ action }) => action)).toEqual(["create", "between"]);
  });

  test("in racing calls on two servers is recorded once", async () => {
    const other = replica.clients(
      await replica.jwt({ role: "admin", teamId, sub: userId, name: "Ada" }),
    );
    const id = newId("log");
    const recorded = await Promise.all(
      Array.from({ length: 40 }, (_, i) => {
        const by = i % 2 === 0 ? audit : other.audit;
        return record({ id, action: "create" }, by);
      }),
    );
    expect(await log()).toEqual([recorded[0]]);
    for (const entry of recorded) expect(entry).toEqual(recorded[0]);
  });

  test("in racing calls with different content has one winner", async () => {
    const other = replica.clients(
      await replica.jwt({ role: "admin", teamId, sub: userId, name: "Ada" }),
    );
    const id = newId("log");
    const settled = await Promise.allSettled(
      Array.from({ length: 40 }, (_, i) =>
        record({ id, action: `act${i % 4}` }, i % 2 === 0 ? audit : other.audit),
      ),
    );
    const [winner, ...more] = await log();
    expect(more).toEqual([]);
    for (const [i, result] of settled.entries()) {
      if (`act${i % 4}` === winner?.action) {
        expect(result).toEqual({ status: "fulfilled", value: winner });
      } else {
        expect(result.status).toBe("rejected");
        if (result.status !== "rejected") continue;
        expect(await refusal(Promise.reject(result.reason))).toMatchObject({
          code: "already_exists",
        });
      }
    }
  });
});

test("an entry without an id is given one, a new one each time", async () => {
  const first = await record({ action: "create" });
  const second = await record({ action: "create" });
  expect(second.id).not.toBe(first.id);
  expect([first.sequence, second.sequence]).toEqual([1n, 2n]);
});

test("output-only fields are ignored", async () => {
  const bytes = new Uint8Array(32).fill(7);
  const entry = await record({
    action: "create",
    sequence: 4_000n,
    recorder: { type: "annals", id: "annals" },
    recordTime: timestampFromMs(0),
    detailsState: DetailsState.ERASED,
    detailsSalt: bytes,
    detailsDigest: bytes,
    leafHash: bytes,
  });
  expect(entry).toMatchObject({ sequence: 1n, recorder: { type: "user", id: userId } });
  expect(entry.detailsState).toBe(DetailsState.PRESENT);
  expect(entry.recordTime?.seconds).toBeGreaterThan(1_000_000_000n);
  for (const own of [entry.detailsSalt, entry.detailsDigest, entry.leafHash]) {
    expect(own).toHaveLength(32);
    expect(own).not.toEqual(bytes);
  }
});

test("a batch keeps its order in every team", async () => {
  const service = server.clients(await server.jwt({ role: "service", grants: ["read"] })).audit;
  const teams = [newId("team"), newId("team"), newId("team")];
  const entries = Array.from({ length: 300 }, (_, i) => ({
    teamId: teams[(i * 7) % 3] ?? "",
    action: `act${i}`,
  }));
  const { results } = await service.recordBatch({ entries });
  expect(results.every(({ outcome }) => outcome.case === "entry")).toBe(true);
  for (const id of teams) {
    const page = await service.list({ teamId: id, pageSize: 200 });
    expect(page.entries.toReversed().map(({ action }) => action)).toEqual(
      entries.filter((entry) => entry.teamId === id).map(({ action }) => action),
    );
  }
});

describe("the actor", () => {
  test.each<[string, NewEntry["actor"]]>([
    ["another user", { type: ActorType.USER, id: newId("usr") }],
    ["a service", { type: ActorType.SERVICE, id: "billing" }],
    ["the system", { type: ActorType.SYSTEM }],
    ["nobody", { type: ActorType.ANONYMOUS }],
  ])("that a user may not speak for is refused: %s", async (_, actor) => {
    expect(await refusal(audit.record({ entry: { action: "create", actor } }))).toMatchObject({
      code: "permission_denied",
      reason: "ACTOR_NOT_ALLOWED",
    });
    expect(await log()).toEqual([]);
  });

  test("may be oneself, without a name or with that of the credential and no other", async () => {
    const actor = { type: ActorType.USER, id: userId };
    expect((await record({ action: "create", actor })).actor).toMatchObject({
      ...actor,
      name: "",
    });
    const named = { ...actor, name: "Ada" };
    expect((await record({ action: "create", actor: named })).actor).toMatchObject(named);
    const renamed = { ...actor, name: "The Boss" };
    expect(await refusal(record({ action: "create", actor: renamed }))).toMatchObject({
      reason: "ACTOR_NOT_ALLOWED",
    });
  });

  test("is filled with a service, and a service speaks for anyone", async () => {
    const service = server.clients(await server.jwt({ role: "service", sub: "billing" })).audit;
    const recorder = { type: "service", id: "billing" };
    expect(await record({ teamId, action: "create" }, service)).toMatchObject({
      recorder,
      actor: { type: ActorType.SERVICE, id: "billing", name: "" },
    });
    for (const [given, id] of [
      [{ type: ActorType.USER, id: userId, name: "Someone" }, userId],
      [{ type: ActorType.SYSTEM }, "system"],
      [{ type: ActorType.SYSTEM, id: "system" }, "system"],
      [{ type: ActorType.ANONYMOUS }, "anonymous"],
      [{ type: ActorType.ANONYMOUS, id: "visitor-7" }, "visitor-7"],
    ] as const) {
      const entry = await record({ teamId, action: "create", actor: given }, service);
      expect(entry).toMatchObject({ recorder, actor: { type: given.type, id } });
    }
  });

  test.each<[string, NewEntry["actor"], string]>([
    ["no type", { id: "x" }, "entry.actor.type"],
    ["no id", { type: ActorType.USER }, "entry.actor.id"],
    ["a user with the id of a key", { type: ActorType.USER, id: newId("key") }, "entry.actor.id"],
    [
      "a key with the id of a user",
      { type: ActorType.API_KEY, id: newId("usr") },
      "entry.actor.id",
    ],
    ["a system with an id", { type: ActorType.SYSTEM, id: "cron" }, "entry.actor.id"],
  ])("that is malformed is refused: %s", async (_, actor, field) => {
    const service = server.clients(await server.jwt({ role: "service" })).audit;
    expect(await refusal(record({ teamId, action: "create", actor }, service))).toMatchObject({
      code: "invalid_argument",
      fields: [field],
    });
  });
});

describe("what Annals does itself is recorded", () => {
  test("keys made and revoked, once", async () => {
    const grants = [ApiKeyGrant.READ, ApiKeyGrant.READ, ApiKeyGrant.RECORD_ANY_ACTOR];
    const { apiKey } = await clients.keys.createApiKey({ name: "bot", grants });
    const id = apiKey?.id ?? "";
    const revoked = await clients.keys.revokeApiKey({ id });
    expect(await clients.keys.revokeApiKey({ id })).toEqual(revoked);
    const actor = { type: ActorType.USER, id: userId, name: "Ada" };
    const resource = { type: "api_key", id, name: "bot" };
    const recorder = { type: "annals", id: "annals" };
    expect(await log()).toMatchObject([
      {
        action: "create",
        actor,
        resource,
        recorder,
        metadata: { grants: ["read", "record_any_actor"] },
      },
      { action: "revoke", actor, resource, recorder },
    ]);
    expect(await log()).toHaveLength(2);
  });

  test("a key that is refused leaves no entry", async () => {
    expect(await refusal(clients.keys.createApiKey({ name: "" }))).toMatchObject({
      fields: ["name"],
    });
    expect(
      await refusal(clients.keys.createApiKey({ name: "x", grants: [99 as ApiKeyGrant] })),
    ).toMatchObject({
      fields: ["grants[0]"],
    });
    const past = { name: "x", expireTime: timestampFromMs(Date.now() - 1) };
    expect(await refusal(clients.keys.createApiKey(past))).toMatchObject({
      fields: ["expire_time"],
    });
    expect(await log()).toEqual([]);
  });

  test("a platform admin reading all teams, once a list and once a stream", async () => {
    const sub = newId("usr");
    const root = server.clients(await server.jwt({ role: "platform_admin", sub })).audit;
    await record({ action: "one" });
    await record({ action: "two" });
    let pageToken = "";
    do {
      const page = await root.list({ allTeams: true, pageSize: 1, pageToken });
      pageToken = page.nextPageToken;
    } while (pageToken !== "");
    for await (const { cursor } of root.stream({ allTeams: true, stopAtHead: true })) {
      expect(cursor).not.toBe("");
    }
    const { entries } = await root.list({
      teamId: "team-00000000-0000-0000-0000-000000000000",
      filter: { actorIds: [sub] },
    });
    expect(entries.toReversed()).toMatchObject([
      { action: "read_all_teams", scope: EntryScope.ADMIN, metadata: { rpc: "List" } },
      { action: "read_all_teams", scope: EntryScope.ADMIN, metadata: { rpc: "Stream" } },
    ]);
    expect(entries).toHaveLength(2);
  });
});
