import { timestampDate, timestampFromMs } from "@bufbuild/protobuf/wkt";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { ListOrder, type StreamResponse } from "../../gen/audit/v1/audit_service_pb.ts";
import { ActorType, DetailsState, EntryScope, EntryStatus } from "../../gen/audit/v1/entry_pb.ts";
import { ErrorReason } from "../../gen/audit/v1/error_reason_pb.ts";
import { ApiKeyGrant } from "../../gen/audit/v1/key_service_pb.ts";
import { createDataDir } from "../support/data-dir.ts";
import { refusal } from "../support/refusal.ts";
import {
  newId,
  startTestServer,
  type TestClients,
  type TestServer,
  transports,
} from "../support/server.ts";

const overrides = { heartbeatMs: 60, credentialCheckMs: 50, apiKeyCacheMs: 20 };

describe.each(["PostgreSQL", "the embedded default"])("on %s", (storage) => {
  let server: TestServer;
  const cleanup = new AsyncDisposableStack();

  beforeAll(async () => {
    if (storage === "PostgreSQL") {
      server = cleanup.use(await startTestServer({ overrides }));
      return;
    }
    const { path: dataDir } = cleanup.use(await createDataDir());
    server = cleanup.use(await startTestServer({ dataDir, overrides }));
  });
  afterAll(() => cleanup.disposeAsync());

  describe.each(transports)("over %s", (transport) => {
    let teamId: string;
    let userId: string;
    let clients: TestClients;
    let audit: TestClients["audit"];

    beforeEach(async () => {
      teamId = newId("team");
      userId = newId("usr");
      const jwt = await server.jwt({ role: "admin", teamId, sub: userId, name: "Ada Lovelace" });
      clients = server.clients(jwt, transport);
      audit = clients.audit;
    });

    const record = async (...actions: string[]) => {
      const { results } = await audit.recordBatch({
        entries: actions.map((action) => ({ action })),
      });
      return results.map(({ outcome }) => {
        if (outcome.case !== "entry") throw new Error("was not recorded");
        return outcome.value;
      });
    };

    test("an entry is recorded whole and read back by id and by position", async () => {
      const before = Date.now();
      const sandbox = newId("sb");
      const recorded = await audit.record({
        entry: {
          action: "sandbox.create",
          resource: { type: "sandbox", id: sandbox, name: "build-runner-3" },
          scope: EntryScope.ADMIN,
          status: EntryStatus.WARNING,
          metadata: { template: "python-3.13", vcpus: 2, "ключ 🔑": [null, true, { a: -1.5e-7 }] },
          context: {
            ipAddress: "2001:DB8:0::1",
            userAgent: "curl/8",
            requestId: "r-1",
            traceId: "4bf92f3577b34da6a3ce929d0e0e4736",
          },
          occurTime: timestampFromMs(Date.UTC(2026, 2, 1, 12, 0, 0, 123)),
        },
      });
      expect(recorded.cursor).not.toBe("");
      expect(recorded.entry).toMatchObject({
        teamId,
        sequence: 1n,
        recorder: { type: "user", id: userId },
        actor: { type: ActorType.USER, id: userId, name: "Ada Lovelace" },
        resource: { type: "sandbox", id: sandbox, name: "build-runner-3" },
        action: "sandbox.create",
        scope: EntryScope.ADMIN,
        status: EntryStatus.WARNING,
        metadata: { template: "python-3.13", vcpus: 2, "ключ 🔑": [null, true, { a: -1.5e-7 }] },
        context: { ipAddress: "2001:db8::1", userAgent: "curl/8", requestId: "r-1" },
        detailsState: DetailsState.PRESENT,
      });
      const { entry } = recorded;
      if (entry?.recordTime === undefined || entry.occurTime === undefined)
        throw new Error("times");
      expect(entry.id).toMatch(/^log-[0-9a-f-]{36}$/);
      expect(timestampDate(entry.occurTime).toISOString()).toBe("2026-03-01T12:00:00.123Z");
      expect(Math.abs(timestampDate(entry.recordTime).getTime() - before)).toBeLessThan(60_000);
      expect([entry.detailsSalt, entry.detailsDigest, entry.leafHash].map((b) => b.length)).toEqual(
        [32, 32, 32],
      );

      const byId = await audit.get({ key: { case: "id", value: entry.id } });
      const bySequence = await audit.get({ teamId, key: { case: "sequence", value: 1n } });
      expect(byId.entry).toEqual(entry);
      expect(bySequence.entry).toEqual(entry);
    });

    test("each entry of a batch succeeds or fails alone, in order", async () => {
      const { results } = await audit.recordBatch({
        entries: [{ action: "create" }, { action: "Not An Action" }, { action: "destroy" }],
      });
      expect(results.map(({ outcome }) => outcome.value)).toMatchObject([
        { action: "create", sequence: 1n },
        { reason: ErrorReason.INVALID_FIELD, code: 3, fieldViolations: [{ field: "action" }] },
        { action: "destroy", sequence: 2n },
      ]);
    });

    test("pages hold every entry once, in both orders", async () => {
      await record("one", "two", "three", "four", "five");
      const pages = async (order: ListOrder) => {
        const actions: string[][] = [];
        const cursors = new Set<string>();
        let pageToken = "";
        do {
          const page = await audit.list({ order, pageSize: 2, pageToken });
          actions.push(page.entries.map(({ action }) => action));
          cursors.add(page.cursor);
          pageToken = page.nextPageToken;
        } while (pageToken !== "");
        expect(cursors.size).toBe(1);
        return actions;
      };
      expect(await pages(ListOrder.UNSPECIFIED)).toEqual([
        ["five", "four"],
        ["three", "two"],
        ["one"],
      ]);
      expect(await pages(ListOrder.OLDEST_FIRST)).toEqual([
        ["one", "two"],
        ["three", "four"],
        ["five"],
      ]);
    });

    test("a filter and its exclude narrow a list", async () => {
      await record("create", "create", "destroy", "user.login");
      const { entries } = await audit.list({
        filter: { actions: ["create", "destroy"], exclude: { actions: ["destroy"] } },
      });
      expect(entries.map(({ action }) => action)).toEqual(["create", "create"]);
    });

    test("a stream from every start ends at the head", async () => {
      const entries = await record("one", "two", "three");
      const { cursor } = await audit.list({ pageSize: 1 });
      await record("four");
      const time = entries[0]?.recordTime;
      if (time === undefined) throw new Error("no time");
      const follow = async (request: Parameters<typeof audit.stream>[0]) => {
        const messages: StreamResponse[] = [];
        for await (const message of audit.stream({ ...request, stopAtHead: true })) {
          messages.push(message);
        }
        return messages.flatMap((message) => message.entries.map(({ action }) => action));
      };
      const all = ["one", "two", "three", "four"];
      expect(await follow({ start: { case: "beginning", value: {} } })).toEqual(all);
      expect(await follow({ start: { case: "fromTime", value: time } })).toEqual(all);
      expect(await follow({ start: { case: "last", value: 2 } })).toEqual(["three", "four"]);
      expect(await follow({ start: { case: "afterCursor", value: cursor } })).toEqual(["four"]);
      expect(await follow({})).toEqual([]);
      expect(
        await follow({
          start: { case: "last", value: 2 },
          filter: { actions: ["one", "three"] },
        }),
      ).toEqual(["one", "three"]);
    });

    test("a stream begins at once, brings what comes, beats while silent and resumes", async () => {
      await record("before");
      const leaving = new AbortController();
      const stream = audit.stream({}, { signal: leaving.signal })[Symbol.asyncIterator]();
      const first = await stream.next();
      expect(first.value?.entries).toEqual([]);
      await record("live");
      const next = async () => {
        const message = await stream.next();
        if (message.done) throw new Error("the stream has ended");
        return message.value;
      };
      let message = await next();
      while (message.entries.length === 0) message = await next();
      expect(message.entries.map(({ action }) => action)).toEqual(["live"]);
      const heartbeat = await next();
      expect(heartbeat.entries).toEqual([]);
      leaving.abort();
      expect((await refusal(next())).code).toBe("canceled");

      await record("missed", "too");
      const resumed = audit.stream({
        start: { case: "afterCursor", value: heartbeat.cursor },
        stopAtHead: true,
      });
      const actions: string[] = [];
      for await (const { entries } of resumed) actions.push(...entries.map(({ action }) => action));
      expect(actions).toEqual(["missed", "too"]);
    });

    test("details are erased, by id and by actor, and an entry says so", async () => {
      const { results } = await audit.recordBatch({
        entries: ["one", "two"].map((action) => ({
          action,
          metadata: { email: "ada@example.org" },
        })),
      });
      const [first] = results.map(({ outcome }) =>
        outcome.case === "entry" ? outcome.value.id : "",
      );
      const byId = await audit.erase({ ids: [first ?? ""] });
      expect(byId).toMatchObject({
        erasedSequences: [1n],
        entry: { teamId, sequence: 3n, action: "erase_details", metadata: { sequences: ["1"] } },
        more: false,
      });
      const byActor = await audit.erase({ teamId, actorId: userId });
      expect(byActor).toMatchObject({ erasedSequences: [2n], entry: { sequence: 4n } });
      const { entries } = await audit.list({ order: ListOrder.OLDEST_FIRST });
      expect(entries.map(({ detailsState }) => detailsState)).toEqual([
        ...[DetailsState.ERASED, DetailsState.ERASED],
        ...[DetailsState.PRESENT, DetailsState.PRESENT],
      ]);
      expect(entries.slice(0, 2)).toMatchObject([
        { action: "one", actor: { id: userId, name: "" } },
        { action: "two", actor: { id: userId, name: "" } },
      ]);
      expect(entries.slice(0, 2).map(({ metadata }) => metadata)).toEqual([undefined, undefined]);
      expect(await refusal(audit.erase({}))).toMatchObject({ fields: ["ids"] });
    });

    test("an API key is made, used, listed and revoked", async () => {
      const { keys } = clients;
      const made = await keys.createApiKey({ name: "deploy bot", grants: [ApiKeyGrant.READ] });
      const id = made.apiKey?.id ?? "";
      expect(made.secret.startsWith(made.apiKey?.secretHint ?? "-")).toBe(true);
      const bot = server.clients(made.secret, transport).audit;
      expect((await bot.record({ entry: { action: "deploy" } })).entry).toMatchObject({
        recorder: { type: "api_key", id },
        actor: { type: ActorType.API_KEY, id, name: "deploy bot" },
      });
      expect((await bot.list({})).entries.map(({ action }) => action)).toEqual([
        "deploy",
        "create",
      ]);

      await keys.revokeApiKey({ id });
      const { apiKeys } = await keys.listApiKeys({});
      expect(apiKeys).toMatchObject([{ id, name: "deploy bot", grants: [ApiKeyGrant.READ] }]);
      expect(apiKeys[0]?.revokeTime).toBeDefined();
      await expect
        .poll(() => refusal(bot.list({})).catch(() => undefined))
        .toMatchObject({ code: "unauthenticated", reason: "CREDENTIAL_REVOKED" });
    });

    test("an error says its code, its reason and the fields", async () => {
      expect(
        await refusal(audit.record({ entry: { action: "No", resource: { type: "" } } })),
      ).toMatchObject({
        code: "invalid_argument",
        reason: "INVALID_FIELD",
        fields: ["entry.resource.type", "entry.action"],
      });
      const inStream = audit.stream({ start: { case: "afterCursor", value: "nonsense" } });
      expect(await refusal(inStream[Symbol.asyncIterator]().next())).toMatchObject({
        code: "invalid_argument",
        reason: "CURSOR_INVALID",
        fields: ["after_cursor"],
      });
    });
  });
});
