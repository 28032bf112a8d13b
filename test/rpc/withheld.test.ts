import { timestampFromMs, timestampMs } from "@bufbuild/protobuf/wkt";
import pg from "pg";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import type { StreamResponse } from "../../gen/audit/v1/audit_service_pb.ts";
import { type AuditEntry, DetailsState, EntryScope } from "../../gen/audit/v1/entry_pb.ts";
import { frontierFrom } from "../../src/log/extend.ts";
import { Frontier } from "../../src/log/merkle.ts";
import { sha256 } from "../../src/log/sha256.ts";
import { createDataDir } from "../support/data-dir.ts";
import { refusal } from "../support/refusal.ts";
import {
  newId,
  startTestServer,
  type TestClients,
  type TestServer,
  transports,
} from "../support/server.ts";

type Audit = TestClients["audit"];
type Request = Parameters<Audit["stream"]>[0];

const { TEAM, ADMIN } = EntryScope;
const beginning = { case: "beginning", value: {} } as const;
const goOn = (value: string) => ({ case: "afterCursor", value }) as const;
const whole = { start: beginning, stopAtHead: true, withheld: true } as const;

const hex = (bytes: Uint8Array = Buffer.of()) => Buffer.from(bytes).toString("hex");

async function drain(audit: Audit, request: Request): Promise<StreamResponse[]> {
  const messages: StreamResponse[] = [];
  for await (const message of audit.stream(request)) messages.push(message);
  return messages;
}

/** The first message of a stream, which is then left. */
async function firstOf(audit: Audit, request: Request): Promise<StreamResponse[]> {
  for await (const message of audit.stream(request)) return [message];
  return [];
}

/** Everything that messages tell of, by position: an entry's action, or that it is withheld. */
function told(messages: readonly Pick<StreamResponse, "entries" | "withheld">[]) {
  return messages.flatMap(({ entries, withheld }) =>
    [
      ...entries.map((entry) => ({ ...position(entry), what: entry.action })),
      ...withheld.map((entry) => ({ ...position(entry), what: "withheld" })),
    ].sort((a, b) => Number(a.sequence - b.sequence)),
  );
}

function position({ sequence, leafHash }: { sequence: bigint; leafHash: Uint8Array }) {
  return { sequence, leaf: hex(leafHash) };
}

/** The root over all positions that messages tell of. */
function rootOf(messages: readonly StreamResponse[]): string {
  const frontier = new Frontier(sha256);
  for (const { leaf } of told(messages)) frontier.append(Buffer.from(leaf, "hex"));
  return hex(frontier.root());
}

const range = (from: number, to: number) =>
  Array.from({ length: to - from + 1 }, (_, i) => BigInt(from + i));
const sequences = (positions: readonly { sequence: bigint }[]) =>
  positions.map(({ sequence }) => sequence);
const actions = (messages: readonly StreamResponse[]) =>
  messages.flatMap(({ entries }) => entries.map(({ action }) => action));

describe.each(["PostgreSQL", "the embedded default"])("on %s, withheld positions", (storage) => {
  const cleanup = new AsyncDisposableStack();
  let server: TestServer;
  let teamId: string;
  let admin: Audit;
  let member: Audit;

  beforeAll(async () => {
    const overrides = { heartbeatMs: 100 };
    if (storage === "PostgreSQL") {
      server = cleanup.use(await startTestServer({ overrides }));
      return;
    }
    const { path: dataDir } = cleanup.use(await createDataDir());
    server = cleanup.use(await startTestServer({ dataDir, overrides }));
  });
  afterAll(() => cleanup.disposeAsync());
  beforeEach(async () => {
    teamId = newId("team");
    admin = server.clients(await server.jwt({ role: "admin", teamId })).audit;
    member = server.clients(await server.jwt({ role: "member", teamId })).audit;
  });

  /** Records `act1`, `act2` and so on, of these scopes. */
  async function record(...scopes: EntryScope[]): Promise<AuditEntry[]> {
    const entries: AuditEntry[] = [];
    for (let from = 0; from < scopes.length; from += 500) {
      const batch = scopes
        .slice(from, from + 500)
        .map((scope, i) => ({ action: `act${from + i + 1}`, scope }));
      const { results } = await admin.recordBatch({ entries: batch });
      for (const { outcome } of results) if (outcome.case === "entry") entries.push(outcome.value);
    }
    return entries;
  }

  /** The root of the log in its head, as the append transaction has written it. */
  async function headRoot(): Promise<string> {
    const client = new pg.Client({ connectionString: server.databaseUrl });
    await client.connect();
    try {
      const { rows } = await client.query<{ size: string; frontier: Buffer }>(
        "SELECT size, frontier FROM control_plane.audit_log_heads WHERE team_id = $1",
        [teamId.slice("team-".length)],
      );
      const [head = { size: "0", frontier: Buffer.alloc(0) }] = rows;
      return hex(frontierFrom(BigInt(head.size), head.frontier).root());
    } finally {
      await client.end();
    }
  }

  test.each(transports)("over %s come between the entries that may be read", async (transport) => {
    const recorded = await record(ADMIN, TEAM, ADMIN, ADMIN, TEAM, TEAM, ADMIN);
    const jwt = await server.jwt({ role: "member", teamId });
    const messages = await drain(server.clients(jwt, transport).audit, whole);
    const positions = told(messages);
    expect(positions.map(({ what }) => what)).toEqual([
      "withheld",
      "act2",
      "withheld",
      "withheld",
      "act5",
      "act6",
      "withheld",
    ]);
    expect(sequences(positions)).toEqual(range(1, 7));
    expect(positions.map(({ leaf }) => leaf)).toEqual(
      recorded.map(({ leafHash }) => hex(leafHash)),
    );
    // Not asked for, they do not come.
    const plain = await drain(member, { start: beginning, stopAtHead: true });
    expect(plain.flatMap(({ withheld }) => withheld)).toEqual([]);
    expect(actions(plain)).toEqual(actions(messages));
  });

  test("are every position that is not an entry, in messages of 500 positions at most", async () => {
    await record(...Array.from({ length: 1_300 }, (_, i) => (i % 7 === 3 ? TEAM : ADMIN)));
    const filter = { actions: ["act11", "act1250", "act1300"] };
    const readings: [Audit, Request][] = [
      [member, {}],
      [member, { filter }],
      [member, { filter: { actions: ["none"] } }],
      [admin, {}],
      [admin, { filter }],
      [admin, { filter: { exclude: { scopes: [TEAM] } } }],
    ];
    const root = rootOf(await drain(admin, whole));
    if (storage === "PostgreSQL") expect(root).toBe(await headRoot());
    for (const [audit, rest] of readings) {
      const messages = await drain(audit, { ...whole, ...rest });
      let last = 0n;
      for (const { entries, withheld, cursor } of messages) {
        expect(entries.length + withheld.length).toBeLessThanOrEqual(500);
        for (const part of [entries, withheld]) {
          expect(sequences(part)).toEqual(sequences(part).sort((a, b) => Number(a - b)));
        }
        const here = sequences(told([{ entries, withheld }]));
        expect(here).toEqual(range(Number(last) + 1, Number(last) + here.length));
        last = here.at(-1) ?? last;
        // What the cursor has not seen begins right after this message.
        const resumed = { ...whole, ...rest, start: goOn(cursor) };
        const [first] = told(await firstOf(audit, resumed));
        expect(first?.sequence).toBe(last === 1_300n ? undefined : last + 1n);
      }
      expect(last).toBe(1_300n);
      // The same entries as without.
      const plain = await drain(audit, { start: beginning, stopAtHead: true, ...rest });
      expect(actions(messages)).toEqual(actions(plain));
      expect(rootOf(messages)).toBe(root);
    }
  });

  test("come live, alone too, and go on from any cursor", async () => {
    await record(ADMIN, TEAM);
    const leaving = new AbortController();
    const stream = member.stream({ withheld: true }, { signal: leaving.signal });
    const messages = stream[Symbol.asyncIterator]();
    const { value: begun } = await messages.next();
    expect(begun).toMatchObject({ entries: [], withheld: [] });
    const come: StreamResponse[] = [];
    const until = async (size: number) => {
      while (told(come).length < size) {
        const { value } = await messages.next();
        if (value !== undefined) come.push(value);
      }
    };
    await record(ADMIN);
    await until(1);
    expect(told(come)).toMatchObject([{ sequence: 3n, what: "withheld" }]);
    await record(TEAM, ADMIN);
    await until(3);
    // Silence is a heartbeat, which has nothing of either.
    const { value: heartbeat } = await messages.next();
    expect(heartbeat).toMatchObject({ entries: [], withheld: [] });
    leaving.abort();
    expect(told(come)).toMatchObject([
      { sequence: 3n, what: "withheld" },
      { sequence: 4n, what: "act1" },
      { sequence: 5n, what: "withheld" },
    ]);
    await record(ADMIN, TEAM);
    const cursor = heartbeat?.cursor ?? "";
    expect(told(await drain(member, { ...whole, start: goOn(cursor) }))).toMatchObject([
      { sequence: 6n, what: "withheld" },
      { sequence: 7n, what: "act2" },
    ]);
    const first = begun?.cursor ?? "";
    const resumed = told(await drain(member, { ...whole, start: goOn(first) }));
    expect(sequences(resumed)).toEqual(range(3, 7));
  });

  test("begin with the last matching entry that was asked for", async () => {
    await record(TEAM, TEAM, ADMIN, TEAM, ADMIN, ADMIN);
    const last = (value: number) => ({ ...whole, start: { case: "last", value } as const });
    expect(told(await drain(member, last(2))).map(({ what }) => what)).toEqual([
      "act2",
      "withheld",
      "act4",
      "withheld",
      "withheld",
    ]);
    expect(sequences(told(await drain(member, last(200))))).toEqual(range(1, 6));
    const filter = { actions: ["act4"] };
    expect(sequences(told(await drain(member, { ...last(200), filter })))).toEqual(range(4, 6));
    const none = { actions: ["none"] };
    expect(told(await drain(member, { ...last(200), filter: none }))).toEqual([]);
  });

  test("are what is recorded before a time to come", async () => {
    const time = Date.now() + 1_500;
    const leaving = new AbortController();
    const start = { case: "fromTime", value: timestampFromMs(time) } as const;
    const stream = admin.stream({ start, withheld: true }, { signal: leaving.signal });
    const messages = stream[Symbol.asyncIterator]();
    await messages.next();
    const recorded: AuditEntry[] = [];
    const recordedAt = (entry?: AuditEntry) =>
      entry?.recordTime === undefined ? 0 : timestampMs(entry.recordTime);
    while (recordedAt(recorded.at(-1)) < time) recorded.push(...(await record(TEAM)));
    const come: StreamResponse[] = [];
    while (told(come).length < recorded.length) {
      const { value } = await messages.next();
      if (value !== undefined) come.push(value);
    }
    leaving.abort();
    expect(told(come).map(({ sequence, what }) => [sequence, what])).toEqual(
      recorded.map((entry) => [entry.sequence, recordedAt(entry) < time ? "withheld" : "act1"]),
    );
    expect(come.flatMap(({ withheld }) => withheld).length).toBeGreaterThan(0);
  });

  test("do not take the place of entries whose details were erased", async () => {
    await record(TEAM, ADMIN);
    const { results } = await admin.recordBatch({
      entries: [{ action: "act3", context: { requestId: "r-1" } }],
    });
    const named = results[0]?.outcome.case === "entry" ? results[0].outcome.value : undefined;
    const before = await drain(member, whole);
    await admin.erase({ ids: [named?.id ?? ""] });
    const messages = await drain(member, whole);
    expect(told(messages).map(({ what }) => what)).toEqual([
      "act1",
      "withheld",
      "act3",
      "erase_details",
    ]);
    const erased = messages.flatMap(({ entries }) => entries)[1];
    expect(erased).toMatchObject({ id: named?.id, detailsState: DetailsState.ERASED });
    expect(told(messages).slice(0, 3)).toEqual(told(before));
  });

  test("are not sent over all teams", async () => {
    const root = server.clients(await server.jwt({ role: "platform_admin" })).audit;
    const wrong = { code: "invalid_argument", reason: "INVALID_FIELD", fields: ["withheld"] };
    for (const audit of [root, member]) {
      const request = { allTeams: true, withheld: true, stopAtHead: true };
      expect(await refusal(drain(audit, request))).toMatchObject(wrong);
    }
    expect(await refusal(drain(member, { ...whole, teamId: newId("team") }))).toMatchObject({
      reason: "TEAM_NOT_ALLOWED",
    });
  });
});
