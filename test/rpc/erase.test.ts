import { randomBytes, randomUUID } from "node:crypto";
import { type MessageInitShape, toJson } from "@bufbuild/protobuf";
import pg from "pg";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import type { EraseRequestSchema, EraseResponse } from "../../gen/audit/v1/audit_service_pb.ts";
import {
  ActorType,
  type AuditEntry,
  AuditEntrySchema,
  DetailsState,
  EntryScope,
  EntryStatus,
} from "../../gen/audit/v1/entry_pb.ts";
import { parseTeamId, type TeamId } from "../../src/ids.ts";
import type { Json } from "../../src/log/entry.ts";
import { decodeSequences } from "../../src/log/erasure.ts";
import { everything } from "../../src/log/filter.ts";
import { leafHash } from "../../src/log/leaf.ts";
import { sha256 } from "../../src/log/sha256.ts";
import { append } from "../../src/store/append.ts";
import { readWindow } from "../../src/store/entries.ts";
import { openPools, type Pools } from "../../src/store/pool.ts";
import { createRoles } from "../../src/store/roles.ts";
import { Follower } from "../feed/follower.ts";
import { newEntry } from "../support/new-entry.ts";
import { createDatabase } from "../support/postgres.ts";
import { refusal } from "../support/refusal.ts";
import { newId, startTestServer, type TestClients, type TestServer } from "../support/server.ts";

type NewEntry = MessageInitShape<typeof AuditEntrySchema>;
type Request = MessageInitShape<typeof EraseRequestSchema>;

const cleanup = new AsyncDisposableStack();
const secret = randomUUID();
let server: TestServer;
let replica: TestServer;
let pools: Pools;
let teamId: string;
let adminId: string;
let token: string;
let audit: TestClients["audit"];

beforeAll(async () => {
  // Without hints, a replica hears of the other's entries by polling only.
  const env = { FEED_HINTS: "false" };
  server = cleanup.use(await startTestServer({ secret, env }));
  const database = { url: server.databaseUrl };
  replica = cleanup.use(await startTestServer({ secret, env, database }));
  const connection = { connectionString: server.databaseUrl };
  pools = openPools({ connection, singleSession: false }, 2, () => {});
  cleanup.defer(() => pools.close());
});
afterAll(() => cleanup.disposeAsync());
beforeEach(async () => {
  teamId = newId("team");
  adminId = newId("usr");
  token = await server.jwt({ role: "owner", teamId, sub: adminId, name: "Grace Hopper" });
  audit = server.clients(token).audit;
});

const telling = () => ({
  action: "sandbox.create",
  resource: { type: "sandbox", id: newId("sb"), name: "Ada's sandbox" },
  metadata: { email: "ada@example.org" },
  context: {
    ipAddress: "192.0.2.1",
    userAgent: "curl",
    requestId: "request.7",
    traceId: "trace.7",
  },
});

async function record(...entries: NewEntry[]): Promise<AuditEntry[]> {
  const { results } = await audit.recordBatch({ entries });
  return results.map(({ outcome }) => {
    if (outcome.case !== "entry") throw new Error("was not recorded");
    return outcome.value;
  });
}

const idsOf = (entries: readonly AuditEntry[]) => entries.map(({ id }) => id);
const logOf = async (by = audit) => (await by.list({ teamId, pageSize: 200 })).entries.toReversed();
const detailsIn = (entries: readonly unknown[]) =>
  ["Ada", "ada@example.org", "192.0.2.1", "request.7", "trace.7", "Grace"].filter((text) =>
    JSON.stringify(entries, (_, value) =>
      typeof value === "bigint" ? `${value}` : value,
    ).includes(text),
  );

/** The sequences that erasure entries name. */
function named({ entry }: Pick<EraseResponse, "entry">): bigint[] {
  const ranges = decodeSequences((entry?.metadata as { sequences?: Json })?.sequences) ?? [];
  return ranges.flatMap(({ from, to }) =>
    Array.from({ length: Number(to - from) + 1 }, (_, i) => from + BigInt(i)),
  );
}

/** Entries in a form that can be compared: bytes come as one class or another. */
const plain = (entries: readonly (AuditEntry | undefined)[]) =>
  entries.map((entry) => entry && toJson(AuditEntrySchema, entry));

/** The same of an entry, as it should be once its details are erased. */
function plainErased(entry: AuditEntry) {
  const actor = entry.actor && { ...entry.actor, name: "" };
  const resource = entry.resource && { ...entry.resource, name: "" };
  const { metadata: _metadata, context: _context, ...rest } = entry;
  return plain([
    {
      ...rest,
      ...(actor && { actor }),
      ...(resource && { resource }),
      detailsState: DetailsState.ERASED,
      detailsSalt: new Uint8Array(),
    },
  ])[0];
}

describe("by ids", () => {
  test("details and salt are gone, all else stays, and an entry says so", async () => {
    const entries = await record(telling(), telling(), telling(), telling(), telling());
    const wanted = [3, 0, 1].map((i) => entries[i]?.id ?? "");
    const { entry, erasedSequences, more } = await audit.erase({ ids: wanted });
    expect({ erasedSequences, more }).toEqual({ erasedSequences: [1n, 2n, 4n], more: false });
    expect(entry).toMatchObject({
      teamId,
      sequence: 6n,
      recorder: { type: "annals", id: "annals" },
      action: "erase_details",
      resource: { type: "audit_log", id: "", name: "" },
      scope: EntryScope.TEAM,
      status: EntryStatus.WARNING,
      metadata: { sequences: ["1-2", "4"] },
    });
    // Nobody can erase it, so it names its actor by id alone.
    expect(entry?.actor).toMatchObject({ type: ActorType.USER, id: adminId, name: "" });
    expect(entry?.context).toBeUndefined();
    const log = await logOf();
    const gone = erasedSequences;
    expect(plain(log)).toEqual([
      ...entries.map((each) =>
        gone.includes(each.sequence) ? plainErased(each) : plain([each])[0],
      ),
      ...plain([entry]),
    ]);
    expect(detailsIn([log[0], log[1], log[3], log[5]])).toEqual([]);
  });

  test("the log still verifies: every leaf is what it was, by what is stored", async () => {
    const before = await record(telling(), { action: "note" }, telling());
    await audit.erase({ ids: idsOf(before) });
    const stored = await readWindow(
      pools.read,
      parseTeamId(teamId) as TeamId,
      { from: 1n, to: 4n },
      everything,
      "oldest_first",
      9,
    );
    expect(stored.map((entry) => entry.detailsState)).toEqual([
      ...["erased", "erased", "erased", "present"],
    ]);
    for (const [i, entry] of stored.entries()) {
      expect(Buffer.from(leafHash(sha256, entry))).toEqual(Buffer.from(entry.leafHash));
      if (before[i]) expect(Buffer.from(entry.leafHash)).toEqual(Buffer.from(before[i].leafHash));
    }
  });

  test("an id that is given twice counts once", async () => {
    const [entry] = idsOf(await record(telling())) as [string];
    const answer = await audit.erase({ ids: [entry, entry, entry] });
    expect(answer.erasedSequences).toEqual([1n]);
    expect(named(answer)).toEqual([1n]);
  });

  test("what has no details, was erased before or records an erasure is passed over", async () => {
    const service = server.clients(await server.jwt({ role: "service", teamId })).audit;
    const bare = (await service.record({ entry: { action: "note" } })).entry?.id ?? "";
    const [first, second] = idsOf(await record(telling(), telling())) as [string, string];
    const erasure = (await audit.erase({ ids: [bare, first] })).entry as AuditEntry;
    expect(named({ entry: erasure })).toEqual([2n]);
    const again = await audit.erase({ ids: [bare, first, second, erasure.id] });
    expect(again.erasedSequences).toEqual([3n]);
    expect(named(again)).toEqual([3n]);

    const ids = [bare, first, second, erasure.id, again.entry?.id ?? ""];
    expect(await audit.erase({ ids })).toMatchObject({ erasedSequences: [], more: false });
    expect((await audit.erase({ ids })).entry).toBeUndefined();
    const log = await logOf();
    expect(log).toHaveLength(5);
    expect(log[0]?.detailsState).toBe(DetailsState.NONE);
    const erasures = log.filter(({ action }) => action === "erase_details");
    expect(plain(erasures)).toEqual(plain([erasure, again.entry]));
  });

  test("an id that the log does not have is NOT_FOUND, and nothing is erased", async () => {
    const [mine] = (await record(telling())) as [AuditEntry];
    const others = server.clients(await server.jwt({ role: "admin", teamId: newId("team") })).audit;
    const { entry: theirs } = await others.record({ entry: telling() });
    for (const id of [newId("log"), theirs?.id ?? ""]) {
      const refused = await refusal(audit.erase({ ids: [mine.id, id] }));
      expect(refused).toMatchObject({ code: "not_found", reason: "ENTRY_NOT_FOUND" });
      expect(refused.message).toContain(id);
    }
    expect(plain(await logOf())).toEqual(plain([mine]));
    const { entry } = await others.get({ key: { case: "id", value: theirs?.id ?? "" } });
    expect(plain([entry])).toEqual(plain([theirs]));
  });

  test("500 are erased in one call", async () => {
    const entries = await record(...Array.from({ length: 500 }, telling));
    const answer = await audit.erase({ ids: idsOf(entries).toReversed() });
    expect(answer.erasedSequences).toEqual(entries.map(({ sequence }) => sequence));
    expect(answer.entry?.metadata).toEqual({ sequences: ["1-500"] });
  });

  test("entries of scope admin are erased too", async () => {
    const [secret] = await record({ ...telling(), scope: EntryScope.ADMIN });
    expect((await audit.erase({ ids: [secret?.id ?? ""] })).erasedSequences).toEqual([1n]);
  });

  test("a platform admin erases in any team that it names", async () => {
    const sub = newId("usr");
    const root = server.clients(await server.jwt({ role: "platform_admin", sub })).audit;
    const ids = idsOf(await record(telling()));
    expect(await refusal(root.erase({ ids }))).toMatchObject({ fields: ["team_id"] });
    const { entry } = await root.erase({ teamId, ids });
    expect(entry).toMatchObject({ teamId, actor: { type: ActorType.USER, id: sub } });
  });
});

test.each<[string, Request, string]>([
  ["neither ids nor an actor", {}, "ids"],
  ["both", { ids: [newId("log")], actorId: "x" }, "actor_id"],
  ["501 ids", { ids: Array.from({ length: 501 }, () => newId("log")) }, "ids"],
  ["an id without its prefix", { ids: [newId("log"), randomUUID()] }, "ids[1]"],
  ["an id of another type", { ids: [newId("team")] }, "ids[0]"],
  ["an id in upper case", { ids: [newId("log").toUpperCase()] }, "ids[0]"],
  ["an empty id", { ids: [""] }, "ids[0]"],
  ["an actor of 257 bytes", { actorId: `a${"é".repeat(128)}` }, "actor_id"],
  ["an actor with NUL", { actorId: "a\0b" }, "actor_id"],
])("%s is refused, and nothing is recorded", async (_, request, field) => {
  expect(await refusal(audit.erase(request))).toMatchObject({
    code: "invalid_argument",
    reason: "INVALID_FIELD",
    fields: [field],
  });
  expect(await logOf()).toEqual([]);
});

test.each([
  ["a member", () => server.jwt({ role: "member", teamId })],
  ["a service", () => server.jwt({ role: "service", teamId, grants: ["read_admin"] })],
])("%s may not erase, and is told which permission is missing", async (_, credential) => {
  const ids = idsOf(await record(telling()));
  const caller = server.clients(await credential()).audit;
  for (const request of [{ ids }, { actorId: adminId }]) {
    expect(await refusal(caller.erase(request))).toMatchObject({
      code: "permission_denied",
      reason: "PERMISSION_MISSING",
      metadata: { permission: "erase_details" },
    });
  }
  expect((await logOf()).map(({ detailsState }) => detailsState)).toEqual([DetailsState.PRESENT]);
});

describe("by actor", () => {
  test("the oldest 500 go first, then the rest, and nobody else's", async () => {
    const service = server.clients(await server.jwt({ role: "service" })).audit;
    const actor = { type: ActorType.USER, id: newId("usr"), name: "Ada" };
    const other = { ...actor, id: newId("usr") };
    const entries = Array.from({ length: 700 }, (_, i) => ({
      ...{ teamId, action: "note" },
      actor: i % 10 === 9 ? other : actor,
    }));
    for (const batch of [entries.slice(0, 400), entries.slice(400)]) {
      await service.recordBatch({ entries: batch });
    }
    const elsewhere = newId("team");
    await service.record({ entry: { teamId: elsewhere, action: "note", actor } });

    const first = await audit.erase({ actorId: actor.id });
    const second = await audit.erase({ actorId: actor.id });
    expect([first.erasedSequences.length, first.more]).toEqual([500, true]);
    expect([second.erasedSequences.length, second.more]).toEqual([130, false]);
    for (const answer of [first, second]) expect(named(answer)).toEqual(answer.erasedSequences);
    const gone = [...first.erasedSequences, ...second.erasedSequences];
    expect(gone).toEqual(
      entries.flatMap((entry, i) => (entry.actor === actor ? [BigInt(i + 1)] : [])),
    );
    expect(await audit.erase({ actorId: actor.id })).toMatchObject({ erasedSequences: [] });

    const ofOther = await audit.list({ filter: { actorIds: [other.id] }, pageSize: 200 });
    expect(ofOther.entries).toHaveLength(70);
    expect(new Set(ofOther.entries.map((entry) => entry.actor?.name))).toEqual(new Set(["Ada"]));
    const reader = server.clients(await server.jwt({ role: "admin", teamId: elsewhere })).audit;
    expect((await reader.list({})).entries).toMatchObject([{ actor }]);
  });

  test("exactly 500 are all there are", async () => {
    await record(...Array.from({ length: 500 }, telling));
    const answer = await audit.erase({ actorId: adminId });
    expect([answer.erasedSequences.length, answer.more]).toEqual([500, false]);
  });

  test.each(["visitor 7 🔑", "a", "é".repeat(128), "%_\\'\"; --"])(
    "any text is an actor's id: %s",
    async (id) => {
      const service = server.clients(await server.jwt({ role: "service", teamId })).audit;
      const actor = { type: ActorType.ANONYMOUS, id, name: "Ada" };
      await service.record({ entry: { action: "note", actor } });
      await service.record({ entry: { action: "note", actor: { ...actor, id: `${id[0]}x` } } });
      expect((await audit.erase({ actorId: id })).erasedSequences).toEqual([1n]);
    },
  );

  test("who erases its own entries keeps those that say so", async () => {
    await record(telling(), telling());
    const { entry } = await audit.erase({ actorId: adminId });
    expect(await audit.erase({ actorId: adminId })).toMatchObject({ erasedSequences: [] });
    expect(plain([(await logOf()).at(-1)])).toEqual(plain([entry]));
  });

  test("entries far apart in a long log are found in one call", async () => {
    const team = parseTeamId(teamId) as TeamId;
    const fill = () => Array.from({ length: 500 }, () => newEntry(team));
    await record(telling());
    for (let i = 0; i < 41; i++) await append(pools.write, fill());
    await record(telling());
    const { erasedSequences, more } = await audit.erase({ actorId: adminId });
    expect({ erasedSequences, more }).toEqual({ erasedSequences: [1n, 20_502n], more: false });
  });
});

describe("calls that race on two replicas", () => {
  const racers = () => [server, replica, server, replica].map((each) => each.clients(token).audit);

  /** Each sequence was erased once, and said so by the one that did. */
  async function expectOnce(answers: readonly EraseResponse[], count: number): Promise<void> {
    for (const answer of answers) expect(named(answer)).toEqual(answer.erasedSequences);
    const all = answers.flatMap(({ erasedSequences }) => erasedSequences);
    expect(all.toSorted((a, b) => Number(a - b))).toEqual(
      Array.from({ length: count }, (_, i) => BigInt(i + 1)),
    );
    const { entries } = await audit.list({ filter: { actions: ["erase_details"] } });
    const told = answers.flatMap(({ entry }) => entry ?? []);
    told.sort((a, b) => Number(a.sequence - b.sequence));
    expect(plain(entries.toReversed())).toEqual(plain(told));
  }

  test("for the same entries erase each once", async () => {
    const ids = idsOf(await record(...Array.from({ length: 50 }, telling)));
    await expectOnce(await Promise.all(racers().map((racer) => racer.erase({ ids }))), 50);
  });

  test("for some of the same erase each once, and all", async () => {
    const ids = idsOf(await record(...Array.from({ length: 70 }, telling)));
    const answers = await Promise.all(
      racers().map((racer, i) => racer.erase({ ids: ids.slice(i * 10, i * 10 + 40) })),
    );
    await expectOnce(answers, 70);
  });

  test("for the same actor erase each once, and all", async () => {
    for (const count of [500, 500, 300]) await record(...Array.from({ length: count }, telling));
    const answers: EraseResponse[] = [];
    const eraseAll = async (racer: TestClients["audit"]) => {
      for (let more = true; more; ) {
        const answer = await racer.erase({ actorId: adminId });
        answers.push(answer);
        ({ more } = answer);
      }
    };
    await Promise.all(racers().slice(0, 2).map(eraseAll));
    await expectOnce(answers, 1_300);
  });
});

describe("recording an id again whose details were erased", () => {
  test("answers with the entry as it is now, whatever details come along", async () => {
    const entry = { id: newId("log"), ...telling() };
    await record(entry);
    await audit.erase({ ids: [entry.id] });
    const now = (await audit.get({ key: { case: "id", value: entry.id } })).entry;
    for (const details of [
      { metadata: {} },
      { metadata: { other: 1 }, context: { requestId: "other" } },
    ]) {
      expect(plain(await record({ ...entry, ...details }))).toEqual(plain([now]));
    }
    expect(now?.detailsState).toBe(DetailsState.ERASED);
    expect(await logOf()).toHaveLength(2);
  });

  test.each<[string, Partial<ReturnType<typeof telling>> & Pick<NewEntry, "scope" | "status">]>([
    ["action", { action: "sandbox.destroy" }],
    ["resource", { resource: { type: "sandbox", id: newId("sb"), name: "" } }],
    ["scope", { scope: EntryScope.ADMIN }],
    ["status", { status: EntryStatus.ERROR }],
  ])("with another %s is ALREADY_EXISTS", async (_, change) => {
    const entry = { id: newId("log"), ...telling() };
    await record(entry);
    await audit.erase({ ids: [entry.id] });
    expect(await refusal(audit.record({ entry: { ...entry, ...change } }))).toMatchObject({
      code: "already_exists",
      reason: "ID_CONFLICT",
    });
  });
});

describe("what was erased on one replica", () => {
  test("is given by no way of reading on another, once its erasure has come there", async () => {
    const root = await server.jwt({ role: "platform_admin" });
    const there = replica.clients(root).audit;
    // The other replica has recorded the entries itself, and keeps them in memory for its readers.
    await using follower = new Follower(there, { teamId });
    await using acrossTeams = new Follower(there, { allTeams: true });
    await Promise.all([follower.begun(), acrossTeams.begun()]);
    audit = replica.clients(token).audit;
    const entries = await record(telling(), telling(), telling(), telling());
    await follower.until((each) => each.entries.length === 4);
    expect(detailsIn(follower.entries)).not.toEqual([]);

    audit = server.clients(token).audit;
    const { entry } = await audit.erase({ ids: idsOf(entries) });
    await follower.until((each) => each.entries.length === 5);
    expect(plain([follower.entries.at(-1)])).toEqual(plain([entry]));
    await acrossTeams.until((each) => each.entries.some(({ id }) => id === entry?.id));
    for (const by of [there, server.clients(root).audit]) {
      for (const found of await everyReading(by, entries)) {
        expect(found).toHaveLength(4);
        expect(detailsIn(found)).toEqual([]);
        expect(found.map(({ detailsState }) => detailsState)).toEqual(
          found.map(() => DetailsState.ERASED),
        );
      }
    }
  });

  test("does not match its details any more", async () => {
    const ids = idsOf(await record(telling(), telling()));
    await audit.erase({ ids });
    expect((await audit.list({ filter: { requestIds: ["request.7"] } })).entries).toEqual([]);
  });

  /** The entries by Get, List and Stream, of the team and across teams. */
  async function everyReading(
    by: TestClients["audit"],
    entries: readonly AuditEntry[],
  ): Promise<AuditEntry[][]> {
    const wanted = idsOf(entries);
    const only = (found: readonly AuditEntry[]) => found.filter(({ id }) => wanted.includes(id));
    const got = await Promise.all(
      wanted.map(async (id) => (await by.get({ teamId, key: { case: "id", value: id } })).entry),
    );
    const readings = [got.flatMap((entry) => entry ?? [])];
    for (const where of [{ teamId }, { allTeams: true }]) {
      readings.push(only((await by.list({ ...where, pageSize: 200 })).entries));
      for (const start of [
        { case: "last", value: 200 },
        { case: "beginning", value: {} },
      ] as const) {
        await using follower = new Follower(by, { ...where, start });
        await follower.until((each) => only(each.entries).length === wanted.length);
        readings.push(only(follower.entries));
      }
    }
    return readings;
  }
});

test("what was erased is erased after a restart", async () => {
  await using database = await createDatabase();
  const credential = { role: "admin", teamId } as const;
  let ids: string[] = [];
  {
    await using first = await startTestServer({ database, secret });
    audit = first.clients(await first.jwt(credential)).audit;
    ids = idsOf(await record(telling(), telling()));
    await audit.erase({ ids });
  }
  await using second = await startTestServer({ database, secret });
  const log = await logOf(second.clients(await second.jwt(credential)).audit);
  expect(log).toHaveLength(3);
  expect(detailsIn(log)).toEqual([]);
});

test("a server erases whose database user may only append and read", async () => {
  await using database = await createDatabase();
  await createRoles({ connectionString: database.url });
  const user = `annals_test_user_${randomBytes(6).toString("hex")}`;
  const password = randomBytes(16).toString("hex");
  const superuser = new pg.Client({ connectionString: database.url });
  await superuser.connect();
  await using dropped = new AsyncDisposableStack();
  dropped.defer(async () => {
    await superuser.query(`DROP ROLE ${user}`);
    await superuser.end();
  });
  await superuser.query(`CREATE ROLE ${user} LOGIN PASSWORD '${password}' IN ROLE annals_service`);
  const url = new URL(database.url);
  [url.username, url.password] = [user, password];
  await using restricted = await startTestServer({ database: { url: url.href } });
  audit = restricted.clients(await restricted.jwt({ role: "admin", teamId, sub: adminId })).audit;
  const [first] = idsOf(await record(telling(), telling()));
  expect((await audit.erase({ ids: [first ?? ""] })).erasedSequences).toEqual([1n]);
  expect((await audit.erase({ actorId: adminId })).erasedSequences).toEqual([2n]);
  expect(detailsIn(await logOf())).toEqual([]);
});
