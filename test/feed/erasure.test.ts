import type pg from "pg";
import { pino } from "pino";
import { expect, test } from "vitest";
import { followAllTeams } from "../../src/feed/all-teams-subscription.ts";
import type { Delivery } from "../../src/feed/delivery.ts";
import { Hub, type HubOptions } from "../../src/feed/hub.ts";
import { followTeam, type SubscriptionContext } from "../../src/feed/team-subscription.ts";
import type { Topic } from "../../src/feed/topic.ts";
import type { TeamId } from "../../src/ids.ts";
import type { Details, Entry, NewEntry } from "../../src/log/entry.ts";
import { encodeSequences, erasureAction } from "../../src/log/erasure.ts";
import { everything, type Filter, noConditions } from "../../src/log/filter.ts";
import { origin, type Position, placeBefore } from "../../src/log/position.ts";
import { encodedBytes } from "../../src/log/size.ts";
import { append } from "../../src/store/append.ts";
import { type Leaf, readWindow } from "../../src/store/entries.ts";
import { eraseDetails } from "../../src/store/erase.ts";
import { readSizes, readWatermark } from "../../src/store/heads.ts";
import { openPools, type Queryable } from "../../src/store/pool.ts";
import { newEntry, newTeam } from "../support/new-entry.ts";
import { createDatabase } from "../support/postgres.ts";

const never = new AbortController().signal;

/** A hub on a log, as a replica has it, and that log as other replicas change it. */
async function aReplica(overrides: (db: Queryable) => Partial<HubOptions> = () => ({})) {
  await using cleanup = new AsyncDisposableStack();
  const database = cleanup.use(await createDatabase());
  const connection: pg.ClientConfig = { connectionString: database.url };
  const { read: db, write, close } = openPools({ connection, singleSession: false }, 2, () => {});
  cleanup.defer(close);
  const hub = new Hub({
    readSizes: (teams) => readSizes(db, teams),
    readWindow: (teamId, window) =>
      readWindow(db, teamId, window, everything, "oldest_first", 5_000),
    logger: pino({ level: "silent" }),
    // Only when a test says so.
    pollMs: 3_600_000,
    ...overrides(db),
  });
  cleanup.defer(() => hub.close());
  const teamId = newTeam();
  const { topic } = cleanup.use(hub.follow(teamId));
  await hub.poll();
  const owned = cleanup.move();
  return {
    db,
    hub,
    teamId,
    topic,
    /** Records entries of which the hub does not hear yet. */
    record: async (...entries: NewEntry[]) => (await append(write, entries)).appended,
    /** Erases details likewise. */
    erase: async (...sequences: number[]) => {
      const erased = sequences.map(BigInt);
      const entry = erasureOf(teamId, { metadata: { sequences: encodeSequences(erased) } });
      const { appended } = await append(write, [entry], {
        alongside: async (session) => {
          expect(await eraseDetails(session, teamId, erased)).toBe(sequences.length);
        },
      });
      return appended;
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

type Replica = Awaited<ReturnType<typeof aReplica>>;

function withDetails(teamId: TeamId, details: Details = { actorName: "Ada" }): NewEntry {
  const entry = { ...newEntry(teamId), details };
  return { ...entry, bytes: encodedBytes(entry) };
}

function erasureOf(teamId: TeamId, details: Details): NewEntry {
  const recorder = { type: "annals", id: "annals" } as const;
  return { ...withDetails(teamId, details), recorder, action: erasureAction };
}

const several = (count: number, teamId: TeamId) =>
  Array.from({ length: count }, () => withDetails(teamId));

/** Everything that the ring gives to anyone, wherever he stands. */
function given(topic: Topic): Entry[] {
  const found = new Map<bigint, Entry>();
  for (let at = 0n; at <= topic.size; at++) {
    for (const entry of topic.after(at, 5_000) ?? []) found.set(entry.sequence, entry);
  }
  return [...found.values()];
}

/** The sequences of entries with details that the ring gives. */
function open(topic: Topic): number[] {
  return given(topic)
    .filter(({ action, details }) => action !== erasureAction && details.actorName !== undefined)
    .map(({ sequence }) => Number(sequence));
}

test("an erasure that is heard of is applied to the ring: what it gives is what is stored", async () => {
  await using replica = await aReplica();
  const { db, hub, teamId, topic } = replica;
  hub.publish(await replica.record(...several(5, teamId), newEntry(teamId)));
  const before = topic.bytes;
  await replica.erase(2, 3, 5);
  expect(open(topic)).toEqual([1, 2, 3, 4, 5]);
  await hub.poll();
  expect(open(topic)).toEqual([1, 4]);
  const stored = await readWindow(db, teamId, { from: 1n, to: 7n }, everything, "oldest_first", 9);
  expect(given(topic)).toEqual(stored);
  const weight = (entries: readonly Entry[]) => entries.reduce((sum, { bytes }) => sum + bytes, 0);
  expect(topic.bytes).toBe(weight(stored));
  expect(topic.bytes - weight(stored.slice(-1))).toBeLessThan(before);
});

test("readers of one place under one filter share what they are given, until the ring changes", async () => {
  await using replica = await aReplica();
  const { db, hub, teamId, topic, record, erase } = replica;
  const context = { db, hub, filter: everything, signal: never, heartbeatMs: 60_000 };
  const readers = Array.from({ length: 3 }, () =>
    followTeam({ ...context, stopAtHead: false }, teamId, ({ end }) => end),
  );
  const next = () =>
    Promise.all(
      readers.map(async (reader): Promise<Delivery<Position>> => {
        const { value } = await reader.next();
        if (!value) throw new Error("the reader has ended");
        return value;
      }),
    );
  await next();
  hub.publish(await record(...several(2, teamId)));
  const [one, ...others] = await next();
  expect(one?.entries.map(({ sequence }) => sequence)).toEqual([1n, 2n]);
  for (const other of others) expect(other).toBe(one);
  expect(topic.bytes).toBeGreaterThan(3 * given(topic).reduce((sum, { bytes }) => sum + bytes, 0));
  const question = "asked before";
  topic.shared(question, () => one);
  hub.publish(await erase(1, 2));
  expect(topic.shared(question, () => undefined)).toBeUndefined();
  const [latest] = await next();
  expect(latest?.entries.map(({ sequence }) => sequence)).toEqual([3n]);
  for (const reader of readers) await reader.return(undefined);
});

test("readers of one place are given what passes their own filter, whoever reads first", async () => {
  await using replica = await aReplica();
  const { db, hub, teamId, record } = replica;
  const context = { db, hub, signal: never, heartbeatMs: 60_000, stopAtHead: false };
  const member: Filter = { ...everything, visible: ["team"] };
  const admins: Filter = { ...everything, include: { ...noConditions, scopes: ["admin"] } };
  const readers = [everything, member, admins].flatMap((filter) =>
    [false, true].map((withheld) =>
      followTeam({ ...context, filter, withheld }, teamId, ({ end }) => end),
    ),
  );
  const next = () => Promise.all(readers.map((reader) => reader.next()));
  await next();
  hub.publish(await record(newEntry(teamId), { ...newEntry(teamId), scope: "admin" }));
  const numbers = (leaves: readonly Leaf[] = []) => leaves.map(({ sequence }) => Number(sequence));
  const given = (await next()).map(({ value }) => [
    numbers(value?.entries),
    numbers(value?.withheld),
  ]);
  expect(given).toEqual([
    [[1, 2], []],
    [[1, 2], []],
    [[1], []],
    [[1], [2]],
    [[2], []],
    [[2], [1]],
  ]);
  for (const reader of readers) await reader.return(undefined);
});

test("an erasure of this replica is applied at once, also to what the ring has dropped half of", async () => {
  await using replica = await aReplica(() => ({ ringEntries: 4 }));
  const { hub, teamId, topic } = replica;
  hub.publish(await replica.record(...several(6, teamId)));
  expect(open(topic)).toEqual([3, 4, 5, 6]);
  hub.publish(await replica.erase(1, 2, 3, 4, 6));
  expect(open(topic)).toEqual([5]);
});

const erased = [1, 3, 4];

/** Five entries are in the ring with their details, three of which are erased unheard. */
async function erasedUnheard(...overrides: Parameters<typeof aReplica>): Promise<Replica> {
  const replica = await aReplica(...overrides);
  replica.hub.publish(await replica.record(...several(5, replica.teamId)));
  await replica.erase(...erased);
  expect(open(replica.topic)).toEqual([1, 2, 3, 4, 5]);
  return replica;
}

const stillOpen = (topic: Topic) => open(topic).filter((sequence) => erased.includes(sequence));

test.each<[string, (replica: Replica) => Promise<unknown>]>([
  [
    "so much was recorded since that it is not read ahead",
    async ({ hub, teamId, record }) => {
      await record(...several(600, teamId));
      await hub.poll();
    },
  ],
  [
    "an entry after it comes first",
    async ({ hub, teamId, record }) => hub.publish(await record(newEntry(teamId))),
  ],
  [
    "a new reader has read the head",
    async ({ hub, db, teamId }) => {
      const context = { db, hub, filter: everything, signal: never, heartbeatMs: 1 };
      const reader = followTeam({ ...context, stopAtHead: false }, teamId, ({ end }) => end);
      await reader.next();
      await hub.poll();
      await reader.return(undefined);
    },
  ],
  ["the connection to the database was lost", async ({ hub }) => hub.doubt()],
])("a ring that has missed an erasure gives nothing of what it erased: %s", async (_, happens) => {
  await using replica = await erasedUnheard();
  await happens(replica);
  expect(stillOpen(replica.topic)).toEqual([]);
});

test.each<[string, keyof HubOptions, (replica: Replica) => Promise<unknown>]>([
  ["the heads cannot be polled", "readSizes", ({ hub }) => hub.poll()],
  ["what is new cannot be read", "readWindow", ({ hub }) => hub.poll()],
  [
    "the heads cannot be polled, and it is heard of while the log is in doubt",
    "readSizes",
    async ({ hub, teamId, record }) => {
      await hub.poll();
      hub.publish(await record(newEntry(teamId)));
    },
  ],
])("nor does it when the database fails: %s", async (_, reading, happens) => {
  let failing = false;
  const fail = <T>(read: () => Promise<T>) =>
    failing ? Promise.reject(new Error("the database cannot be reached")) : read();
  await using replica = await erasedUnheard((db) =>
    reading === "readSizes"
      ? { readSizes: (teams) => fail(() => readSizes(db, teams)) }
      : {
          readWindow: (teamId, window) =>
            fail(() => readWindow(db, teamId, window, everything, "oldest_first", 99)),
        },
  );
  failing = true;
  await happens(replica);
  expect(stillOpen(replica.topic)).toEqual([]);
});

test("nor when the database does not answer", async () => {
  const answer = Promise.withResolvers<void>();
  let silent = false;
  await using replica = await aReplica((db) => ({
    pollMs: 50,
    readSizes: async (teams) => {
      if (silent) await answer.promise;
      return readSizes(db, teams);
    },
  }));
  silent = true;
  const { hub, teamId, topic } = replica;
  hub.publish(await replica.record(...several(5, teamId)));
  expect(open(topic)).toEqual([1, 2, 3, 4, 5]);
  await replica.erase(...erased);
  await expect.poll(() => given(topic)).toEqual([]);
  answer.resolve();
});

test("an entry that is heard of late, after its erasure, does not come back into the ring", async () => {
  await using replica = await aReplica();
  const { hub, teamId, topic } = replica;
  hub.publish(await replica.record(...several(2, teamId)));
  const late = await replica.record(...several(1, teamId));
  await replica.erase(3);
  await hub.poll();
  hub.publish(late);
  expect(open(topic)).toEqual([1, 2]);
  topic.clear();
  hub.publish(late);
  expect(open(topic)).toEqual([]);
});

test("an erasure that does not say what it erased empties the ring", async () => {
  await using replica = await aReplica();
  const { hub, teamId, topic } = replica;
  hub.publish(await replica.record(...several(3, teamId)));
  hub.publish(await replica.record(erasureOf(teamId, { metadata: { sequences: ["1", "x"] } })));
  expect(open(topic)).toEqual([]);
});

/** Heavy enough that a message of a stream holds some thirty. */
const heavy = (count: number, teamId: TeamId) =>
  Array.from({ length: count }, () =>
    withDetails(teamId, { actorName: "Ada", metadata: { text: "x".repeat(30_000) } }),
  );

/** Entries so light that the page after them is meant to hold many, and then heavy ones. */
async function recordPages({ record, teamId }: Replica): Promise<readonly Entry[]> {
  return record(...several(20, teamId), ...heavy(100, teamId));
}

test.each(["the ring", "the database"])(
  "a reader that takes its time gets nothing from %s that was erased meanwhile",
  async (source) => {
    await using replica = await aReplica();
    const { db, hub, teamId } = replica;
    const entries = await recordPages(replica);
    if (source === "the ring") hub.publish(entries);
    const context: SubscriptionContext = {
      ...{ db, hub, filter: everything, signal: never, heartbeatMs: 60_000 },
      stopAtHead: true,
    };
    const [before, after] = await eraseHalfway(
      replica,
      followTeam(context, teamId, () => origin),
    );
    expect([...before, ...after]).toEqual(entries.map(({ sequence }) => sequence));
  },
);

test("a reader of all teams that takes its time does not either", async () => {
  await using replica = await aReplica();
  const { db, hub } = replica;
  const entries = await recordPages(replica);
  const last = entries.at(-1)?.recordTime ?? 0;
  await expect.poll(() => readWatermark(db)).toBeGreaterThan(last);
  const context: SubscriptionContext = {
    ...{ db, hub, filter: everything, signal: never, heartbeatMs: 60_000 },
    stopAtHead: true,
  };
  const [before, after] = await eraseHalfway(replica, followAllTeams(context, placeBefore(0)));
  expect([...before, ...after]).toEqual(entries.map(({ sequence }) => sequence));
});

/**
 * Reads until heavy entries come, has all entries erased while the reader does something else, and
 * reads to the end: what comes then must be erased. Gives the sequences of both parts.
 */
async function eraseHalfway(
  { hub, erase }: Replica,
  reader: AsyncIterable<{ readonly entries: readonly Entry[] }>,
): Promise<[bigint[], bigint[]]> {
  const parts: [bigint[], bigint[]] = [[], []];
  let halfway = false;
  for await (const { entries } of reader) {
    parts[halfway ? 1 : 0].push(...entries.map(({ sequence }) => sequence));
    if (halfway) expect(entries.filter((entry) => entry.detailsState !== "erased")).toEqual([]);
    else if (entries.some(({ details }) => details.metadata !== undefined)) {
      halfway = true;
      hub.publish(await erase(...Array.from({ length: 120 }, (_, i) => i + 1)));
    }
  }
  expect(parts[1].length).toBeGreaterThan(50);
  return parts;
}
