import { create } from "@bufbuild/protobuf";
import { Code, ConnectError, createRouterTransport } from "@connectrpc/connect";
import { createConnectTransport } from "@connectrpc/connect-web";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { AuditService } from "../../gen/audit/v1/audit_service_pb.ts";
import { AuditEntrySchema } from "../../gen/audit/v1/entry_pb.ts";
import { withAuditContext } from "../../src/client/context/audit-context.ts";
import type { EntryJson, NewActor, NewEntry } from "../../src/client/index.ts";
import * as node from "../../src/client/index.ts";
import * as web from "../../src/client/web.ts";
import { FakeService, message, OTHER_TEAM, TEAM, TOKEN } from "../support/fake-service.ts";

const entryId = "log-0190a7c4-8d2e-7c3a-9f10-2b6f0e4d5a61";

let fake: FakeService;
const closing: (() => void)[] = [];

beforeEach(async () => {
  fake = await new FakeService().start();
});

afterEach(async () => {
  for (const close of closing.splice(0)) close();
  await fake.stop();
});

function connect(options: node.AuditClientOptions = { token: TOKEN }): node.AuditClient {
  const client = node.createAuditClient({ baseUrl: fake.url, ...options });
  closing.push(() => client.close());
  return client;
}

async function taken(entries: AsyncIterable<EntryJson>, count: number): Promise<EntryJson[]> {
  const all: EntryJson[] = [];
  for await (const entry of entries) {
    all.push(entry);
    if (all.length === count) break;
  }
  return all;
}

const sequences = (entries: readonly EntryJson[]) => entries.map(({ sequence }) => sequence);

describe("record", () => {
  it("takes a plain entry and answers with the one recorded", async () => {
    const entry: NewEntry = {
      id: entryId,
      teamId: OTHER_TEAM,
      action: "role_update",
      actor: { type: "system", id: "system" },
      resource: { type: "sandbox", id: "sb-1", name: "runner" },
      scope: "admin",
      status: "warning",
      metadata: { before: 1n, at: new Date(0), rate: Number.NaN, none: undefined },
      context: { requestId: "r-1" },
      occurTime: new Date(1_000),
    };
    expect(await connect().record(entry)).toMatchObject({
      ...entry,
      sequence: 1,
      metadata: { before: "1", at: "1970-01-01T00:00:00.000Z", rate: "NaN" },
      occurTime: "1970-01-01T00:00:01.000Z",
      recordTime: expect.any(String),
    });
  });

  it("gives an entry an id and a time where it has none", async () => {
    const before = Date.now();
    const { id, occurTime = "" } = await connect().record({ action: "create" });
    expect(id).toMatch(/^log-[0-9a-f-]{36}$/);
    expect(Date.parse(occurTime)).toBeGreaterThanOrEqual(before);
  });

  it("fills in what surrounds the call", async () => {
    const client = connect();
    const actor = { type: "user", id: "usr-1", name: undefined } as unknown as NewActor;
    const around = { teamId: OTHER_TEAM, actor, requestId: "r-1", userAgent: "curl" } as const;
    const inside = (entry: NewEntry) => withAuditContext(around, () => client.record(entry));
    const context = { requestId: "r-2" };
    expect(await inside({ action: "create", context })).toMatchObject({
      teamId: OTHER_TEAM,
      actor: { type: "user", id: "usr-1" },
      context: { requestId: "r-2", userAgent: "curl" },
    });
    const system = { type: "system", id: "system" } as const;
    expect(await inside({ action: "create", teamId: TEAM, actor: system })).toMatchObject({
      teamId: TEAM,
      actor: system,
    });
  });

  it("sends no secrets, and the same JSON as a recorder does", async () => {
    const metadata = {
      ...{ password: "hunter2", headers: { Authorization: "Bearer x" }, iban: "DE02" },
      ...{ tags: new Set(["a"]), sizes: new Map([["b", 1]]), error: new Error("broken") },
    };
    const actor = { type: "user", id: "usr-1", name: "Ada" } as const;
    const context = { ipAddress: "192.0.2.1", requestId: "r-1" };
    const entry: NewEntry = { action: "create", actor, context, metadata };
    const plain = { tags: ["a"], sizes: { b: 1 }, error: "Error: broken" };
    const hidden = { password: "[redacted]", headers: { Authorization: "[redacted]" } };
    expect(await connect().record(entry)).toMatchObject({
      ...{ actor, context },
      metadata: { ...plain, ...hidden, iban: "DE02" },
    });
    const redact = { keys: ["iban"], paths: ["actor.name", "context.ipAddress"] };
    const recorded = await connect({ token: TOKEN, redact }).record(entry);
    expect(recorded).toMatchObject({
      actor: { ...actor, name: "[redacted]" },
      metadata: { ...plain, ...hidden, iban: "[redacted]" },
    });
    expect(recorded.context).toEqual({ requestId: "r-1" });
  });

  it.each<[string, object]>([
    ["stauts: unknown field", { action: "create", stauts: "error" }],
    ["status: must be one of success", { action: "create", status: "failed" }],
    ["action: must be a string", { action: 7 }],
    ["actor: must be a JSON object", { action: "create", actor: "usr-1" }],
    ["context: must be a JSON object", { action: "create", context: "r-1" }],
    ["occurTime: must be a valid Date", { action: "create", occurTime: "yesterday" }],
    ["metadata: must be a JSON object", { action: "create", metadata: ["x"] }],
    ["metadata.self: is circular", { action: "create", metadata: circular() }],
    ["metadata: has too many values", { action: "create", metadata: { all: Array(1e5).fill(0) } }],
  ])("refuses what is no entry: %s", async (text, entry) => {
    await expect(connect().record(entry as NewEntry)).rejects.toThrow(text);
    expect(fake.entries).toEqual([]);
  });
});

function circular(): object {
  const object: Record<string, unknown> = {};
  object.self = object;
  return object;
}

describe("get", () => {
  it("finds an entry by id or position", async () => {
    fake.append({ id: entryId }, { action: "delete" });
    const client = connect();
    expect(await client.get({ id: entryId })).toMatchObject({ sequence: 1, teamId: TEAM });
    for (const sequence of [2, 2n, "2"]) {
      expect(await client.get({ teamId: TEAM, sequence })).toMatchObject({ action: "delete" });
    }
    await expect(client.get({ sequence: 3 })).rejects.toMatchObject({ code: Code.NotFound });
  });

  it.each<node.EntryKey>([{}, { id: entryId, sequence: 1 }, { sequence: 0 }, { sequence: 1.5 }])(
    "refuses a key that is none: %j",
    async (key) => {
      await expect(connect().get(key)).rejects.toThrow(TypeError);
    },
  );
});

describe("list", () => {
  it("reads the pages as they are needed", async () => {
    fake.append(...Array.from({ length: 7 }, () => ({})));
    const client = connect();
    const query = { order: "oldest", pageSize: 2 } as const;
    expect(sequences(await taken(client.list(query), 3))).toEqual([1, 2, 3]);
    expect(fake.listRequests).toHaveLength(2);
    expect(sequences(await taken(client.list(), 99))).toEqual([7, 6, 5, 4, 3, 2, 1]);
  });

  it("gives single pages too, with a token for the next one", async () => {
    fake.append({}, {}, {});
    const client = connect();
    const first = await client.listPage({ pageSize: 2 });
    expect(sequences(first.entries)).toEqual([3, 2]);
    const last = await client.listPage({ pageSize: 2, pageToken: first.nextPageToken });
    expect(sequences(last.entries)).toEqual([1]);
    expect(last).not.toHaveProperty("nextPageToken");
  });

  it("refuses an option that is none: it would bring more than was meant", async () => {
    const query = { team: TEAM } as node.ListQuery;
    await expect(connect().listPage(query)).rejects.toThrow("team: is not an option of list");
    await expect(taken(connect().list(query), 1)).rejects.toThrow("team: is not an option");
  });

  it("filters in words", async () => {
    fake.append({ status: 1 }, { status: 4, action: "delete" }, { status: 4 });
    const filter = { statuses: ["error"], exclude: { actions: ["delete"] } } as const;
    expect(sequences(await taken(connect().list({ filter }), 9))).toEqual([3]);
    const range = { from: new Date(0), to: new Date(1) };
    await connect().listPage({ filter: { recordTime: range, actorTypes: ["system"] } });
    expect(fake.listRequests.at(-1)?.filter).toMatchObject({
      recordTime: { from: { seconds: 0n }, to: { nanos: 1_000_000 } },
      actorTypes: [4],
    });
  });

  it.each<[string, object]>([
    ["filter.status: is not known", { status: ["error"] }],
    ["filter.statuses: must be of success", { statuses: ["failed"] }],
    ["filter.actions: must be an array of strings", { actions: "create" }],
    ["filter.recordTime.from: must be a valid Date", { recordTime: { from: "2026" } }],
    ["filter.recordTime.until: is not known", { recordTime: { until: new Date() } }],
    ["filter.exclude.exclude: is not known", { exclude: { exclude: {} } }],
  ])("refuses a filter that would match more than was meant: %s", async (text, filter) => {
    await expect(connect().listPage({ filter: filter as node.EntryFilter })).rejects.toThrow(text);
    expect(() => connect().tail({ filter: filter as node.EntryFilter })).toThrow(text);
  });
});

describe("tail", () => {
  it("begins where it is told to", async () => {
    fake.append({}, {}, {});
    const client = connect();
    expect(sequences(await taken(client.tail({ fromBeginning: true }), 3))).toEqual([1, 2, 3]);
    expect(sequences(await taken(client.tail({ last: 2 }), 2))).toEqual([2, 3]);
    expect(sequences(await taken(client.tail({ after: "1" }), 2))).toEqual([2, 3]);
    expect(sequences(await taken(client.tail({ since: new Date(0) }), 1))).toEqual([1]);
    const stopAtHead = { stopAtHead: true, fromBeginning: true };
    expect(await taken(client.tail(stopAtHead), 99)).toHaveLength(3);
  });

  it.each<[string, object]>([
    ["exclude one another", { after: "1", last: 1 }],
    ["last: must be", { last: 0 }],
    ["since: must be", { since: 5 }],
    ["team: is not an option of tail", { team: TEAM }],
    ["renewsCredential: is not an option", { renewsCredential: true }],
  ])("refuses a query that makes no sense: %s", (text, query) => {
    expect(() => connect().tail(query)).toThrow(text);
  });

  it("ends its stream when the loop is left", async () => {
    const ended = Promise.withResolvers<void>();
    fake.append({});
    fake.scripts.push(async function* (request, context) {
      context.signal.addEventListener("abort", () => ended.resolve());
      yield* fake.follow(request, context);
    });
    await taken(connect().tail({ fromBeginning: true }), 1);
    await ended.promise;
  });

  it("ends a wait for the next entry when it is told to return", async () => {
    const ended = Promise.withResolvers<void>();
    fake.scripts.push(async function* (_, context) {
      context.signal.addEventListener("abort", () => ended.resolve());
      yield message([], "0");
      await ended.promise;
    });
    const entries = connect().tail();
    const next = entries.next();
    await vi.waitFor(() => expect(fake.streamRequests).toHaveLength(1));
    await entries.return?.();
    expect(await next).toEqual({ done: true, value: undefined });
    await ended.promise;
  });

  it("ends with its signal, before it has begun too", async () => {
    const controller = new AbortController();
    const { signal } = controller;
    const following = taken(connect().tail({ signal }), 1);
    await vi.waitFor(() => expect(fake.streamRequests).toHaveLength(1));
    controller.abort();
    expect(await following).toEqual([]);
    expect(await taken(connect().tail({ signal }), 1)).toEqual([]);
  });
});

describe("a client that was closed", () => {
  it("connects no more, and its tails end with an error", async () => {
    fake.append({});
    const client = connect();
    const entries = client.tail({ last: 1 });
    expect((await entries.next()).value).toMatchObject({ sequence: 1 });
    client.close();
    const closed = { code: Code.FailedPrecondition, rawMessage: "the client is closed" };
    await expect(entries.next()).rejects.toMatchObject(closed);
    await expect(client.get({ sequence: 1 })).rejects.toMatchObject(closed);
    expect(fake.streamRequests).toHaveLength(1);
  });
});

describe("the credential", () => {
  it("is a token or an API key, without what surrounds it", async () => {
    await connect({ token: ` ${TOKEN}\n` })
      .get({ sequence: 1 })
      .catch(() => {});
    expect(fake.tokensSeen).toEqual([TOKEN]);
    const seen: (string | null)[] = [];
    const transport = createRouterTransport(({ service }) => {
      service(AuditService, {
        get: (_, { requestHeader }) => {
          seen.push(requestHeader.get("x-api-key"), requestHeader.get("authorization"));
          return { entry: create(AuditEntrySchema) };
        },
      });
    });
    await connect({ transport, apiKey: "annals_Key" }).get({ sequence: 1 });
    expect(seen).toEqual(["annals_Key", null]);
  });

  it("that cannot be fetched fails the call, and one that is none", async () => {
    const failing = connect({ token: () => Promise.reject(new Error("the issuer is down")) });
    await expect(failing.get({ sequence: 1 })).rejects.toMatchObject({
      code: Code.Unavailable,
      message: expect.stringContaining("the issuer is down"),
    });
    const none = connect({ token: () => undefined as unknown as string });
    const code = Code.Unauthenticated;
    await expect(none.get({ sequence: 1 })).rejects.toMatchObject({ code });
    const denied = connect({ token: () => Promise.reject(new ConnectError("no", code)) });
    await expect(denied.get({ sequence: 1 })).rejects.toMatchObject({ code, rawMessage: "no" });
    expect(fake.tokensSeen).toEqual([]);
  });

  it("that never comes does not outlast the call", async () => {
    const client = connect({ token: () => new Promise(() => {}), timeoutMs: 50 });
    const code = Code.DeadlineExceeded;
    await expect(client.get({ sequence: 1 })).rejects.toMatchObject({ code });
    const controller = new AbortController();
    const { signal } = controller;
    const call = client.get({ sequence: 1 }, { signal, timeoutMs: 60_000 });
    controller.abort();
    await expect(call).rejects.toMatchObject({ code: Code.Canceled });
  });

  it.each<[string, object]>([
    ["baseUrl: is required", { baseUrl: undefined }],
    ["baseUrl: must be an http or https", { baseUrl: "localhost:8080" }],
    ["baseUrl: must have no credentials", { baseUrl: "http://ada:secret@localhost" }],
    ["token, apiKey: exclude each other", { token: "a", apiKey: "b" }],
    ["token: is empty", { token: "" }],
    ["apiKey: has characters", { apiKey: "se\ncret" }],
    ["timeoutMs: must be", { timeoutMs: 0 }],
  ])("and the address are checked at once: %s", (text, options) => {
    const given = { baseUrl: fake.url, ...options };
    for (const create of [node.createAuditClient, web.createAuditClient]) {
      expect(() => create(given)).toThrow(text);
      expect(() => create(given)).not.toThrow("secret");
    }
  });
});

describe("a transport that is given", () => {
  it("is used, with the credential, and outlives the client", async () => {
    fake.append({});
    const requests: string[] = [];
    const transport = createConnectTransport({
      baseUrl: "http://127.0.0.1:1",
      fetch: async (input) => {
        requests.push(String(input));
        return Response.json({ entry: { action: "create", sequence: "5" } });
      },
    });
    const client = connect({ transport, token: TOKEN });
    client.close();
    expect(await client.get({ sequence: 5 })).toEqual({ action: "create", sequence: 5 });
    expect(requests[0]).toContain("/audit.v1.AuditService/Get");
    expect(() => connect({ transport, interceptors: [] })).toThrow("interceptors");
  });
});
