import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { ListOrder } from "../../gen/audit/v1/audit_service_pb.ts";
import { EntryScope } from "../../gen/audit/v1/entry_pb.ts";
import { refusal } from "../support/refusal.ts";
import { newId, startTestServer, type TestClients, type TestServer } from "../support/server.ts";

const cleanup = new AsyncDisposableStack();
let server: TestServer;
let root: TestClients;
let teamId: string;
let admin: TestClients["audit"];
let member: TestClients["audit"];

beforeAll(async () => {
  server = cleanup.use(await startTestServer());
  root = server.clients(await server.jwt({ role: "platform_admin" }));
});
afterAll(() => cleanup.disposeAsync());
beforeEach(async () => {
  teamId = newId("team");
  admin = server.clients(await server.jwt({ role: "admin", teamId })).audit;
  member = server.clients(await server.jwt({ role: "member", teamId })).audit;
});

const record = async (audit: TestClients["audit"], ...scopes: EntryScope[]) => {
  const { results } = await audit.recordBatch({
    entries: scopes.map((scope, i) => ({ action: `act${i + 1}`, scope })),
  });
  return results.map(({ outcome }) => (outcome.case === "entry" ? outcome.value.id : ""));
};
const { TEAM, ADMIN } = EntryScope;

/** Everything a stream says up to the head. */
async function drain(stream: AsyncIterable<{ entries: { action: string }[] }>) {
  const actions: string[] = [];
  for await (const { entries } of stream) actions.push(...entries.map(({ action }) => action));
  return actions;
}

describe("an admin's entry, to a member", () => {
  test("is answered like one that is not there, by id and by position", async () => {
    const [secret = ""] = await record(admin, ADMIN);
    const byId = await refusal(member.get({ key: { case: "id", value: secret } }));
    expect(byId).toMatchObject({ code: "not_found", reason: "ENTRY_NOT_FOUND" });
    expect(await refusal(member.get({ key: { case: "id", value: newId("log") } }))).toEqual(byId);
    expect(await refusal(member.get({ key: { case: "sequence", value: 1n } }))).toEqual(byId);
    expect(await refusal(member.get({ key: { case: "sequence", value: 99n } }))).toEqual(byId);
  });

  test.each([
    ["scope admin", { scopes: [ADMIN] }],
    ["both scopes", { scopes: [ADMIN], actions: ["act2"] }],
    ["all but scope team", { exclude: { scopes: [TEAM] } }],
    ["its action", { actions: ["act2"] }],
  ])("is not found by a filter for %s", async (_, filter) => {
    await record(admin, TEAM, ADMIN, TEAM);
    expect((await admin.list({ filter })).entries).toHaveLength(1);
    expect(await member.list({ filter })).toMatchObject({ entries: [], nextPageToken: "" });
    const start = { case: "beginning", value: {} } as const;
    expect(await drain(member.stream({ filter, start, stopAtHead: true }))).toEqual([]);
    const last = { case: "last", value: 10 } as const;
    expect(await drain(member.stream({ filter, start: last, stopAtHead: true }))).toEqual([]);
  });

  test("is left out of pages and of live streams", async () => {
    await record(admin, TEAM, ADMIN, TEAM);
    const order = ListOrder.OLDEST_FIRST;
    const first = await member.list({ pageSize: 1, order });
    const second = await member.list({ pageSize: 1, order, pageToken: first.nextPageToken });
    expect([...first.entries, ...second.entries].map(({ action }) => action)).toEqual([
      "act1",
      "act3",
    ]);
    const leaving = new AbortController();
    const stream = member.stream({}, { signal: leaving.signal })[Symbol.asyncIterator]();
    await stream.next();
    await record(admin, ADMIN, TEAM);
    let entries: { action: string }[] = [];
    while (entries.length === 0) entries = (await stream.next()).value?.entries ?? [];
    expect(entries.map(({ action }) => action)).toEqual(["act2"]);
    leaving.abort();
  });

  test("is not read by an admin's page token or cursor", async () => {
    await record(admin, TEAM, ADMIN, TEAM, ADMIN);
    const page = await admin.list({ pageSize: 1 });
    expect(
      await refusal(member.list({ pageSize: 1, pageToken: page.nextPageToken })),
    ).toMatchObject({
      code: "invalid_argument",
      reason: "PAGE_TOKEN_MISMATCH",
      fields: ["page_token"],
    });
    const { cursor } = await admin.record({ entry: { action: "act5", scope: ADMIN } });
    await record(admin, ADMIN, TEAM);
    const start = { case: "afterCursor", value: cursor } as const;
    expect(await drain(member.stream({ start, stopAtHead: true }))).toEqual(["act2"]);
  });

  test("says no more than that its id is taken when the id is recorded again", async () => {
    const [id = ""] = await record(admin, ADMIN);
    const conflict = await refusal(member.record({ entry: { id, action: "guess" } }));
    expect(conflict).toMatchObject({ code: "already_exists", reason: "ID_CONFLICT" });
    expect(Object.keys(conflict.metadata)).toEqual(["id"]);
    expect(conflict.message).not.toContain("act1");
  });
});

describe("tokens and cursors", () => {
  const others = async () => {
    const otherTeam = newId("team");
    const { audit } = server.clients(await server.jwt({ role: "admin", teamId: otherTeam }));
    await record(audit, TEAM, TEAM, TEAM);
    return audit;
  };

  test("of another team are refused", async () => {
    await record(admin, TEAM, TEAM);
    const theirs = await (await others()).list({ pageSize: 1 });
    expect(await refusal(admin.list({ pageToken: theirs.nextPageToken }))).toMatchObject({
      code: "invalid_argument",
      reason: "PAGE_TOKEN_MISMATCH",
      fields: ["page_token"],
    });
    const start = { case: "afterCursor", value: theirs.cursor } as const;
    expect(await refusal(drain(admin.stream({ start })))).toMatchObject({
      code: "invalid_argument",
      reason: "CURSOR_INVALID",
      fields: ["after_cursor"],
    });
  });

  test("of all teams and of one do not stand for each other", async () => {
    await record(admin, TEAM, TEAM);
    const all = await root.audit.list({ allTeams: true, pageSize: 1 });
    const one = await admin.list({ pageSize: 1 });
    const invalid = { code: "invalid_argument", reason: "CURSOR_INVALID" };
    const from = (value: string) => ({ start: { case: "afterCursor", value } as const });
    expect(await refusal(drain(admin.stream(from(all.cursor))))).toMatchObject(invalid);
    expect(
      await refusal(drain(root.audit.stream({ allTeams: true, ...from(one.cursor) }))),
    ).toMatchObject(invalid);
    const mistaken = { code: "invalid_argument", fields: ["page_token"] };
    expect(await refusal(admin.list({ pageToken: all.nextPageToken }))).toMatchObject(mistaken);
    expect(
      await refusal(root.audit.list({ allTeams: true, pageToken: one.nextPageToken })),
    ).toMatchObject(mistaken);
  });

  test("a page token belongs to its filter and order", async () => {
    await record(admin, TEAM, TEAM, TEAM);
    const { nextPageToken: pageToken } = await admin.list({ pageSize: 1 });
    for (const other of [
      { filter: { actions: ["act1"] } },
      { filter: { exclude: { actions: ["act1"] } } },
      { order: ListOrder.OLDEST_FIRST },
    ]) {
      expect(await refusal(admin.list({ ...other, pageToken }))).toMatchObject({
        reason: "PAGE_TOKEN_MISMATCH",
      });
    }
    const rest = await admin.list({ pageToken, pageSize: 100 });
    expect(rest.entries.map(({ action }) => action)).toEqual(["act2", "act1"]);
  });

  test.each([
    "x",
    "WyJwMSJd",
    "null",
    "W10",
    "../../etc",
    "a".repeat(5_000),
    "eyJhIjoxfQ",
    "\u00e9",
  ])("nonsense is refused: %.20s", async (nonsense) => {
    const pageToken = { reason: "PAGE_TOKEN_INVALID", fields: ["page_token"] };
    expect(await refusal(admin.list({ pageToken: nonsense }))).toMatchObject(pageToken);
    expect(await refusal(root.audit.list({ allTeams: true, pageToken: nonsense }))).toMatchObject(
      pageToken,
    );
    expect(await refusal(root.keys.listApiKeys({ teamId, pageToken: nonsense }))).toMatchObject(
      pageToken,
    );
    const start = { case: "afterCursor", value: nonsense } as const;
    const cursor = { reason: "CURSOR_INVALID", fields: ["after_cursor"] };
    expect(await refusal(drain(admin.stream({ start })))).toMatchObject(cursor);
    expect(await refusal(drain(root.audit.stream({ allTeams: true, start })))).toMatchObject(
      cursor,
    );
  });

  test("a forged page token reads nothing that may not be read", async () => {
    await record(admin, ADMIN, ADMIN);
    const forged = async (change: (token: unknown[]) => void) => {
      await record(member, TEAM, TEAM);
      const { nextPageToken } = await member.list({ pageSize: 1 });
      const token: unknown[] = JSON.parse(Buffer.from(nextPageToken, "base64url").toString());
      change(token);
      return Buffer.from(JSON.stringify(token)).toString("base64url");
    };
    const far = await forged((token) => {
      token[3] = "999999999999999999";
    });
    const { entries } = await member.list({ pageToken: far });
    expect(entries.every(({ scope }) => scope === TEAM)).toBe(true);
    const theirs = await (await others()).list({ pageSize: 1 });
    const mixed = await forged((token) => {
      token[2] = theirs.cursor;
    });
    expect(await refusal(member.list({ pageToken: mixed }))).toMatchObject({
      code: "invalid_argument",
      reason: "PAGE_TOKEN_INVALID",
      fields: ["page_token"],
    });
  });
});

describe("recording an id that is taken", () => {
  test.each(["a key without grants", "a member"])(
    "tells %s nothing of another's entry",
    async (who) => {
      const entry = { id: newId("log"), action: "create", scope: ADMIN };
      await admin.record({ entry });
      const { secret } = await server
        .clients(await server.jwt({ role: "admin", teamId }))
        .keys.createApiKey({ name: "writes only" });
      const audit = who === "a member" ? member : server.clients(secret).audit;
      // Without an actor: it is the caller itself, which is not who did it.
      const refused = await refusal(audit.record({ entry }));
      expect(refused).toMatchObject({ code: "already_exists", reason: "ID_CONFLICT" });
      expect(Object.keys(refused.metadata)).toEqual(["id"]);
    },
  );
});

describe("a list of all teams", () => {
  test("cannot be gone on with by a token that it has not given to the caller", async () => {
    await record(admin, TEAM, TEAM);
    const { nextPageToken } = await root.audit.list({ allTeams: true, pageSize: 1 });
    await root.audit.list({ allTeams: true, pageSize: 1, pageToken: nextPageToken });
    const another = server.clients(await server.jwt({ role: "platform_admin" })).audit;
    const stolen = another.list({ allTeams: true, pageSize: 1, pageToken: nextPageToken });
    expect(await refusal(stolen)).toMatchObject({ reason: "PAGE_TOKEN_INVALID" });
    const token: unknown[] = JSON.parse(Buffer.from(nextPageToken, "base64url").toString());
    token[4] = "1";
    const forged = Buffer.from(JSON.stringify(token)).toString("base64url");
    const reading = another.list({ allTeams: true, pageSize: 1, pageToken: forged });
    expect(await refusal(reading)).toMatchObject({ reason: "PAGE_TOKEN_INVALID" });
  });
});

describe("teams", () => {
  test("one that does not exist is refused like one that does", async () => {
    const existing = newId("team");
    await root.audit.record({ entry: { teamId: existing, action: "create" } });
    const refused = async (id: string) => {
      const { message, ...rest } = await refusal(admin.list({ teamId: id }));
      return { ...rest, message: message.replace(id, "team") };
    };
    const other = await refused(existing);
    expect(other).toMatchObject({ code: "permission_denied", reason: "TEAM_NOT_ALLOWED" });
    expect(await refused(newId("team"))).toEqual(other);
  });

  test("a credential without one must name one", async () => {
    const { audit, keys } = root;
    const missing = { code: "invalid_argument", reason: "INVALID_FIELD", fields: ["team_id"] };
    expect(await refusal(audit.list({}))).toMatchObject(missing);
    expect(await refusal(audit.get({ key: { case: "sequence", value: 1n } }))).toMatchObject(
      missing,
    );
    expect(await refusal(drain(audit.stream({})))).toMatchObject(missing);
    expect(await refusal(keys.listApiKeys({}))).toMatchObject(missing);
    expect(await refusal(audit.record({ entry: { action: "create" } }))).toMatchObject({
      ...missing,
      fields: ["entry.team_id"],
    });
  });

  test("all of them and one of them are not asked for at once", async () => {
    const both = { allTeams: true, teamId };
    const mistaken = { code: "invalid_argument", reason: "INVALID_FIELD", fields: ["team_id"] };
    expect(await refusal(root.audit.list(both))).toMatchObject(mistaken);
    expect(await refusal(drain(root.audit.stream(both)))).toMatchObject(mistaken);
  });

  test("another's API key is answered like one that is not there", async () => {
    const { apiKey } = await root.keys.createApiKey({ teamId: newId("team"), name: "theirs" });
    const { keys } = server.clients(await server.jwt({ role: "owner", teamId }));
    const theirs = await refusal(keys.revokeApiKey({ id: apiKey?.id ?? "" }));
    expect(theirs).toMatchObject({ code: "not_found", reason: "API_KEY_NOT_FOUND" });
    expect(await refusal(keys.revokeApiKey({ id: newId("key") }))).toEqual(theirs);
  });
});
