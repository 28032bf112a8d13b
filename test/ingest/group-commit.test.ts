import { setTimeout, setImmediate as turn } from "node:timers/promises";
import { pino } from "pino";
import { expect, test } from "vitest";
import { AuditError } from "../../src/errors.ts";
import type { TeamId } from "../../src/ids.ts";
import type { GroupCommit } from "../../src/ingest/group-commit.ts";
import type { Entry, NewEntry } from "../../src/log/entry.ts";
import { NotBehind } from "../../src/store/append-session.ts";
import { newEntry, newTeam } from "../support/new-entry.ts";
import { databaseError, FakeLog, type FakeTransaction, groupCommitOver } from "./fake-log.ts";

const never = new AbortController().signal;

function ids(entries: readonly { id: string }[]): string[] {
  return entries.map(({ id }) => id);
}

/** What a call came to: the sequence, or the reason of its failure. */
async function outcome(call: Promise<Entry>): Promise<bigint | string> {
  return call.then(
    ({ sequence }) => sequence,
    (error: AuditError) => error.reason ?? error.message,
  );
}

test("an idle queue takes a call at once, with all that arrive in the same turn", async () => {
  const log = new FakeLog();
  const queue = groupCommitOver(log.append);
  const team = newTeam();
  const calls = [1, 2, 3].map(() => queue.record(newEntry(team), never));
  const { entries, commit } = await log.next();
  expect(entries).toHaveLength(3);
  commit();
  expect((await Promise.all(calls)).map(({ sequence }) => sequence)).toEqual([1n, 2n, 3n]);
});

test("calls gather while transactions are in flight, of which there are two at most", async () => {
  const log = new FakeLog();
  const queue = groupCommitOver(log.append);
  const [a, b, c] = [newTeam(), newTeam(), newTeam()];
  const calls = [queue.record(newEntry(a), never)];
  const first = await log.next();
  calls.push(queue.record(newEntry(b), never));
  const second = await log.next();
  for (const team of [a, b, c, c, a]) {
    calls.push(queue.record(newEntry(team), never));
    await turn();
  }
  expect(log.transactions).toHaveLength(2);
  first.commit();
  const third = await log.next();
  // Team b is in the transaction still in flight.
  expect(third.entries.map(({ teamId }) => teamId).sort()).toEqual([a, a, c, c].sort());
  second.commit();
  third.commit();
  const fourth = await log.next();
  expect(fourth.entries.map(({ teamId }) => teamId)).toEqual([b]);
  fourth.commit();
  await Promise.all(calls);
  expect(log.mostInFlight).toBe(2);
});

test("beside a transaction of many another begins for many more, or when the first takes long", async () => {
  const log = new FakeLog();
  const queue = groupCommitOver(log.append);
  const [a, b, c] = [newTeam(), newTeam(), newTeam()];
  const calls: Promise<Entry>[] = [];
  const call = (team: TeamId, count: number) => {
    for (let i = 0; i < count; i++) calls.push(queue.record(newEntry(team), never));
  };
  call(a, 16);
  const first = await log.next();
  call(b, 99);
  await turn();
  expect(log.transactions).toHaveLength(1);
  call(b, 1);
  const second = await log.next();
  expect(second.entries).toHaveLength(100);
  second.commit();
  await Promise.all(calls.slice(16));
  call(c, 1);
  await turn();
  expect(log.transactions).toHaveLength(2);
  // The first is never answered, and yet the call does not wait for ever.
  const third = await log.next();
  expect(third.entries).toHaveLength(1);
  third.commit();
  first.commit();
  await Promise.all(calls);
});

test("a team is never in two transactions, and its calls keep their order", async () => {
  const log = new FakeLog();
  const queue = groupCommitOver(log.append, { limits: { transactionEntries: 4 } });
  const teams = [newTeam(), newTeam(), newTeam()];
  const sent: NewEntry[] = [];
  const calls: Promise<Entry>[] = [];
  let twice = 0;
  const finish = async () => {
    for (let done = 0; done < 90; ) {
      const { entries, commit } = await log.next();
      const inFlight = [...log.inFlight].map((list) => new Set(list.map((e) => e.teamId)));
      if (inFlight.length === 2 && !inFlight[0]?.isDisjointFrom(inFlight[1] ?? new Set())) {
        twice += 1;
      }
      expect(entries.length).toBeLessThanOrEqual(4);
      done += entries.length;
      // Later ones may begin, and even end, before this one does.
      setImmediate(commit);
    }
  };
  const finished = finish();
  for (let i = 0; i < 90; i++) {
    const entry = newEntry(teams[i % 3] ?? newTeam());
    sent.push(entry);
    calls.push(queue.record(entry, never));
    if (i % 7 === 0) await turn();
  }
  await Promise.all(calls);
  await finished;
  expect(twice).toBe(0);
  for (const team of teams) {
    const ofTeam = (entries: readonly NewEntry[]) => entries.filter((e) => e.teamId === team);
    expect(ids(ofTeam(log.committed))).toEqual(ids(ofTeam(sent)));
  }
});

test("with the setting for a distributed database a transaction has one team", async () => {
  const log = new FakeLog();
  const queue = groupCommitOver(log.append, { oneTeamPerTransaction: true });
  const calls = [newTeam(), newTeam()].map((team) => queue.record(newEntry(team), never));
  for (const { entries, commit } of [await log.next(), await log.next()]) {
    expect(entries).toHaveLength(1);
    commit();
  }
  await Promise.all(calls);
});

test("a transaction has no more than its bytes, and one larger entry goes alone", async () => {
  const log = new FakeLog();
  const queue = groupCommitOver(log.append, { limits: { transactionBytes: 1_000 } });
  const team = newTeam();
  const sizes = [400, 400, 400, 5_000, 400];
  const calls = sizes.map((bytes) => queue.record({ ...newEntry(team), bytes }, never));
  const batches: number[][] = [];
  while (batches.flat().length < sizes.length) {
    const { entries, commit } = await log.next();
    batches.push(entries.map(({ bytes }) => bytes));
    commit();
  }
  await Promise.all(calls);
  expect(batches).toEqual([[400, 400], [400], [5_000], [400]]);
});

test("a full queue refuses with a delay; a team that has its share leaves room to others", async () => {
  const log = new FakeLog();
  const limits = { queueEntries: 8, queueBytes: 1e9, teamShare: 1 / 4, transactionEntries: 1 };
  const queue = groupCommitOver(log.append, { limits });
  const teams = [newTeam(), newTeam(), newTeam(), newTeam()];
  const calls: Promise<Entry>[] = [];
  for (const team of teams) {
    for (let i = 0; i < 2; i++) calls.push(queue.record(newEntry(team), never));
    const refused = queue.record(newEntry(team), never);
    const limit = team === teams.at(-1) ? "ingest_queue" : "ingest_queue_team";
    await expect(refused).rejects.toMatchObject({
      reason: "QUEUE_FULL",
      metadata: { limit },
      retryDelayMs: 1_000,
    });
  }
  await expect(queue.record(newEntry(newTeam()), never)).rejects.toMatchObject({
    metadata: { limit: "ingest_queue" },
  });
  for (let i = 0; i < 8; i++) (await log.next()).commit();
  expect((await Promise.all(calls)).map(({ sequence }) => sequence)).toEqual([
    ...[1n, 2n, 1n, 2n, 1n, 2n, 1n, 2n],
  ]);
  const again = queue.record(newEntry(newTeam()), never);
  (await log.next()).commit();
  await again;
});

test("the queue is bounded in bytes too", async () => {
  const log = new FakeLog();
  const queue = groupCommitOver(log.append, { limits: { queueBytes: 4_000 } });
  const team = newTeam();
  const call = queue.record({ ...newEntry(team), bytes: 900 }, never);
  await expect(queue.record({ ...newEntry(team), bytes: 200 }, never)).rejects.toMatchObject({
    metadata: { limit: "ingest_queue_team" },
  });
  (await log.next()).commit();
  await call;
});

test("a call cancelled while it waits leaves the queue; one in a transaction is recorded", async () => {
  const log = new FakeLog();
  const queue = groupCommitOver(log.append);
  const team = newTeam();
  const [inside, waiting] = [new AbortController(), new AbortController()];
  const first = queue.record(newEntry(team, "first"), inside.signal);
  const transaction = await log.next();
  const second = queue.record(newEntry(team, "second"), waiting.signal);
  const third = queue.record(newEntry(team, "third"), never);
  inside.abort();
  waiting.abort(new Error("not wanted any more"));
  await expect(second).rejects.toThrow("not wanted any more");
  transaction.commit();
  expect(await outcome(first)).toBe(1n);
  (await log.next()).commit();
  expect(await outcome(third)).toBe(2n);
  expect(log.committed.map(({ action }) => action)).toEqual(["first", "third"]);
  await expect(queue.record(newEntry(team), AbortSignal.abort())).rejects.toThrow();
});

test("a call cancelled in a transaction that fails is not tried again", async () => {
  const log = new FakeLog();
  const queue = groupCommitOver(log.append);
  const team = newTeam();
  const cancelled = new AbortController();
  const calls = [
    queue.record(newEntry(team), cancelled.signal),
    queue.record(newEntry(team), never),
  ];
  const settled = Promise.allSettled(calls);
  const transaction = await log.next();
  cancelled.abort();
  transaction.fail(databaseError("40P01"));
  const retry = await log.next();
  expect(retry.entries).toHaveLength(1);
  retry.commit();
  expect((await settled).map(({ status }) => status)).toEqual(["rejected", "fulfilled"]);
});

test.each(["40P01", "40001", "57P01", "08006", "53100"])(
  "after SQLSTATE %s the batch is tried again whole, with the same ids and in the same order",
  async (state) => {
    const log = new FakeLog();
    const queue = groupCommitOver(log.append);
    const team = newTeam();
    const calls = [1, 2, 3].map(() => queue.record(newEntry(team), never));
    const transaction = await log.next();
    const later = queue.record(newEntry(team), never);
    transaction.fail(databaseError(state));
    const retry = await log.next();
    expect(ids(retry.entries).slice(0, 3)).toEqual(ids(transaction.entries));
    retry.commit();
    expect(await Promise.all([...calls, later].map(outcome))).toEqual([1n, 2n, 3n, 4n]);
  },
);

test.each(["22021", "23514", "54000"])(
  "an entry that PostgreSQL refuses with SQLSTATE %s fails alone",
  async (state) => {
    const log = new FakeLog();
    const queue = groupCommitOver(log.append);
    const [a, b] = [newTeam(), newTeam()];
    const entries = Array.from({ length: 16 }, (_, i) =>
      newEntry(i % 2 === 0 ? a : b, i === 5 ? "bad" : `good.${i}`),
    );
    const calls = entries.map((entry) => outcome(queue.record(entry, never)));
    const all = Promise.all(calls);
    let done = false;
    void all.then(() => {
      done = true;
    });
    for (;;) {
      const transaction = await Promise.race([log.next(), all]);
      if (done || !("commit" in transaction)) break;
      if (transaction.entries.some(({ action }) => action === "bad")) {
        transaction.fail(databaseError(state));
      } else transaction.commit();
    }
    expect((await all).filter((result) => result === "INVALID_FIELD")).toHaveLength(1);
    expect((await all)[5]).toBe("INVALID_FIELD");
    for (const team of [a, b]) {
      const good = entries.filter((e) => e.teamId === team && e.action !== "bad");
      expect(ids(log.committed.filter((e) => e.teamId === team))).toEqual(ids(good));
    }
  },
);

test.each(["before", "after"])(
  "order holds when the database fails %s a refused entry is found",
  async (when) => {
    const log = new FakeLog();
    const queue = groupCommitOver(log.append);
    const [a, b] = [newTeam(), newTeam()];
    const actions = ["a.one", "a.two", "a.three", "a.four"];
    const entries = actions.map((action) => newEntry(a, action));
    const calls = entries.map((entry) => outcome(queue.record(entry, never)));
    const other = outcome(queue.record(newEntry(b), never));
    const bad = when === "before" ? "a.four" : "a.one";
    const finished = Promise.all([...calls, other]);
    let lost = false;
    let done = false;
    void finished.then(() => {
      done = true;
    });
    for (;;) {
      const transaction = await Promise.race([log.next(), finished]);
      if (done || !("commit" in transaction)) break;
      const has = (action: string) => transaction.entries.some((e) => e.action === action);
      if (!lost && transaction.entries.length < 5 && has("a.two")) {
        lost = true;
        transaction.fail(databaseError("08006"));
      } else if (has(bad)) transaction.fail(databaseError("22P05"));
      else transaction.commit();
    }
    expect(lost).toBe(true);
    expect(log.committed.filter((e) => e.teamId === a).map(({ action }) => action)).toEqual(
      actions.filter((action) => action !== bad),
    );
    expect((await finished).filter((result) => result === "INVALID_FIELD")).toHaveLength(1);
  },
);

test("calls under one id in one batch are one entry; other content is a conflict", async () => {
  const log = new FakeLog();
  const queue = groupCommitOver(log.append);
  const team = newTeam();
  const entry = newEntry(team, "create");
  const calls = [entry, { ...entry }, newEntry(team, "delete", entry.id)].map((sent) =>
    outcome(queue.record(sent, never)),
  );
  (await log.next()).commit();
  expect(await Promise.all(calls)).toEqual([1n, 1n, "ID_CONFLICT"]);
  expect(log.committed).toHaveLength(1);
});

test("a team whose head is held waits alone: it is probed, and no one waits for it", async () => {
  const log = new FakeLog();
  const queue = groupCommitOver(log.append);
  const [stuck, free] = [newTeam(), newTeam()];
  const held = outcome(queue.record(newEntry(stuck), never));
  const other = outcome(queue.record(newEntry(free), never));
  (await log.next()).fail(databaseError("55P03"));
  const probe = await log.next();
  expect(probe.skipIfBusy).toEqual(new Set([stuck, free]));
  probe.commit([stuck]);
  expect(await other).toBe(1n);
  const again = outcome(queue.record(newEntry(free), never));
  const calm = await log.next();
  expect(calm.entries.map(({ teamId }) => teamId)).toEqual([free]);
  expect(calm.skipIfBusy).toEqual(new Set());
  calm.commit();
  expect(await again).toBe(2n);
  const second = await log.next();
  expect(second.skipIfBusy).toEqual(new Set([stuck]));
  second.commit();
  expect(await held).toBe(1n);
});

test("close takes no more, and resolves when what was taken is recorded", async () => {
  const log = new FakeLog();
  const queue = groupCommitOver(log.append);
  const team = newTeam();
  const first = queue.record(newEntry(team), never);
  const transaction = await log.next();
  const second = queue.record(newEntry(team), never);
  const closing = queue.close(60_000);
  await expect(queue.record(newEntry(team), never)).rejects.toMatchObject({
    reason: "SHUTTING_DOWN",
  });
  transaction.commit();
  (await log.next()).commit();
  await closing;
  expect((await Promise.all([first, second])).map(({ sequence }) => sequence)).toEqual([1n, 2n]);
});

test("close refuses after its grace what waits, and then what a transaction fails to record", async () => {
  const log = new FakeLog();
  const queue = groupCommitOver(log.append);
  const team = newTeam();
  const first = outcome(queue.record(newEntry(team), never));
  const transaction = await log.next();
  const second = outcome(queue.record(newEntry(team), never));
  const closing = queue.close(1);
  expect(await second).toBe("SHUTTING_DOWN");
  transaction.fail(databaseError("08006"));
  expect(await first).toBe("SHUTTING_DOWN");
  await closing;
});

test("what Annals writes beside an entry and PostgreSQL refuses is no mistake of the caller", async () => {
  const log = new FakeLog();
  const queue = groupCommitOver(log.append);
  const [broken, sound] = [newTeam(), newTeam()];
  const calls = [broken, sound].map((team) => outcome(queue.record(newEntry(team), never)));
  const failure = Object.assign(databaseError("23514"), { table: "audit_log_tiles" });
  for (let i = 0; i < 3; i++) {
    const transaction = await log.next();
    if (transaction.entries.some(({ teamId }) => teamId === broken)) transaction.fail(failure);
    else transaction.commit();
  }
  expect(await Promise.all(calls)).toEqual(["INTERNAL", 1n]);
});

test("a head that contradicts itself fails its own team only", async () => {
  const log = new FakeLog();
  const queue = groupCommitOver(log.append);
  const [broken, sound] = [newTeam(), newTeam()];
  const calls = [broken, sound].map((team) => outcome(queue.record(newEntry(team), never)));
  for (let i = 0; i < 3; i++) {
    const transaction = await log.next();
    if (transaction.entries.some(({ teamId }) => teamId === broken)) {
      transaction.fail(new RangeError("a tree of size 3 has no frontier of 1 hashes"));
    } else transaction.commit();
  }
  expect(await Promise.all(calls)).toEqual(["INTERNAL", 1n]);
});

test("a team whose log is refused in a transaction fails alone, with the reason", async () => {
  const log = new FakeLog();
  const queue = groupCommitOver(log.append);
  const [bad, good] = [newTeam(), newTeam()];
  const calls = [bad, good, bad].map((team) => outcome(queue.record(newEntry(team), never)));
  const refusal = new AuditError("LOG_CONTRADICTS_CHECKPOINT", "rolled back");
  (await log.next()).commit([], new Map([[bad, refusal]]));
  expect(await Promise.all(calls)).toEqual([refusal.reason, 1n, refusal.reason]);
  // Nothing of it waits: the next call is a transaction of its own.
  const again = queue.record(newEntry(bad), never);
  (await log.next()).commit();
  expect((await again).sequence).toBe(1n);
});

test("a call for a team whose log is known to be refused does not wait for a transaction", async () => {
  const log = new FakeLog();
  const [bad, good] = [newTeam(), newTeam()];
  const refusal = new AuditError("LOG_CONTRADICTS_CHECKPOINT", "rolled back");
  const queue = groupCommitOver(log.append, {
    refusal: (team) => (team === bad ? refusal : undefined),
  });
  expect(await outcome(queue.record(newEntry(bad), never))).toBe(refusal.reason);
  const call = queue.record(newEntry(good), never);
  const { entries, commit } = await log.next();
  expect(entries.map(({ teamId }) => teamId)).toEqual([good]);
  commit();
  await call;
});

test("a connection that two transactions lose is one failure", async () => {
  const log = new FakeLog({ inOneGo: true });
  const warnings: string[] = [];
  const logger = pino({ level: "warn" }, { write: (line) => warnings.push(line) });
  const queue = groupCommitOver(log.append, { logger });
  const team = newTeam();
  const calls = [queue.record(newEntry(team), never)];
  const first = await log.next();
  calls.push(queue.record(newEntry(team), never));
  const second = await log.next();
  expect(second.isBehind).toBe(true);
  for (const transaction of [first, second]) transaction.fail(databaseError("08006"));
  const again = await log.next();
  expect(again.entries).toHaveLength(2);
  again.commit();
  await Promise.all(calls);
  expect(warnings).toHaveLength(1);
});

/** A group commit whose transactions others can be sent behind, and what it tells of in order. */
function sendingInOneGo(limits = {}) {
  const log = new FakeLog({ inOneGo: true });
  const told: Entry[] = [];
  const queue = groupCommitOver(log.append, {
    limits,
    onAppended: (entries) => told.push(...entries),
  });
  const record = (team: TeamId, ...actions: string[]) =>
    actions.map((action) => outcome(queue.record(newEntry(team, action), never)));
  const actions = () => log.committed.map(({ action }) => action);
  return { log, queue, told, record, actions };
}

/** Commits whatever begins until the calls are answered. */
async function commitAll<T>(log: FakeLog, calls: readonly Promise<T>[]): Promise<T[]> {
  const all = Promise.all(calls);
  for (;;) {
    const next = await Promise.race([all.then(() => undefined), log.next()]);
    if (next === undefined) return all;
    next.commit();
  }
}

test("behind a transaction another is sent, of any teams, once as many calls wait as it has", async () => {
  const { log, record } = sendingInOneGo();
  const [a, b] = [newTeam(), newTeam()];
  const calls = record(a, "one", "two");
  const first = await log.next();
  calls.push(...record(a, "three"));
  await turn();
  expect(log.transactions).toHaveLength(1);
  calls.push(...record(b, "four"));
  const second = await log.next();
  expect(second.isBehind).toBe(true);
  expect(second.entries.map(({ action }) => action).sort()).toEqual(["four", "three"]);
  calls.push(...record(a, "five", "six"));
  await turn();
  // Only one: the more go together the less each costs.
  expect(log.transactions).toHaveLength(2);
  first.commit();
  const third = await log.next();
  expect(third.isBehind).toBe(true);
  second.commit();
  third.commit();
  expect(await Promise.all(calls)).toEqual([1n, 2n, 3n, 1n, 4n, 5n]);
});

test("what was sent behind another is answered and told of after it", async () => {
  const log = new FakeLog({ inOneGo: true });
  const told: Entry[] = [];
  // However long the answer to the first takes to be heard of.
  const append: typeof log.append = async (entries, options) => {
    const appended = await log.append(entries, options);
    if (options?.behind === undefined) await turn();
    return appended;
  };
  const queue = groupCommitOver(append, { onAppended: (entries) => told.push(...entries) });
  const team = newTeam();
  const answered: string[] = [];
  for (const action of ["one", "two"]) {
    void queue.record(newEntry(team, action), never).then(() => answered.push(action));
    await turn();
  }
  const [first, second] = [await log.next(), await log.next()];
  first.commit();
  second.commit();
  await expect.poll(() => answered).toEqual(["one", "two"]);
  expect(told.map(({ sequence }) => sequence)).toEqual([1n, 2n]);
});

test.each([
  ["fails for a passing reason", (first: FakeTransaction) => first.fail(databaseError("08006"))],
  ["is refused by PostgreSQL", (first: FakeTransaction) => first.fail(databaseError("22P05"))],
  [
    "meets held heads",
    (first: FakeTransaction) => first.commit(first.entries.map(({ teamId }) => teamId)),
  ],
])("if a transaction %s, what was sent behind it is tried after it", async (_, end) => {
  const { log, record, actions } = sendingInOneGo();
  const team = newTeam();
  const calls = record(team, "one", "two");
  const first = await log.next();
  calls.push(...record(team, "three", "four"));
  const second = await log.next();
  // Whichever is heard of first.
  second.commit();
  end(first);
  const answers = await commitAll(log, calls);
  expect(answers).toEqual([1n, 2n, 3n, 4n]);
  expect(actions()).toEqual(["one", "two", "three", "four"]);
});

test("what fails behind another is tried in halves once that one is done", async () => {
  const { log, record, actions } = sendingInOneGo();
  const team = newTeam();
  const calls = record(team, "one", "two");
  const first = await log.next();
  calls.push(...record(team, "three", "bad"));
  const second = await log.next();
  second.fail(databaseError("22P05"));
  await turn();
  expect(log.transactions).toHaveLength(2);
  first.commit();
  for (const _ of [1, 2]) {
    const half = await log.next();
    expect(half.isBehind).toBe(false);
    if (half.entries.some(({ action }) => action === "bad")) half.fail(databaseError("22P05"));
    else half.commit();
  }
  expect(await Promise.all(calls)).toEqual([1n, 2n, 3n, "INVALID_FIELD"]);
  expect(actions()).toEqual(["one", "two", "three"]);
});

test("no other is sent behind a half, whose second half comes before those that wait", async () => {
  const { log, record, actions } = sendingInOneGo();
  const team = newTeam();
  const calls = record(team, "one", "bad");
  const whole = await log.next();
  whole.fail(databaseError("22P05"));
  const first = await log.next();
  calls.push(...record(team, "three", "four"));
  await turn();
  expect(log.transactions).toHaveLength(2);
  first.commit();
  (await log.next()).fail(databaseError("22P05"));
  const last = await log.next();
  expect(last.isBehind).toBe(false);
  last.commit();
  expect(await Promise.all(calls)).toEqual([1n, "INVALID_FIELD", 2n, 3n]);
  expect(actions()).toEqual(["one", "three", "four"]);
});

test("beside one that others can be sent behind another begins when both take long", async () => {
  const { log, record } = sendingInOneGo();
  const [a, b, c] = [newTeam(), newTeam(), newTeam()];
  const calls = record(a, "one");
  const first = await log.next();
  calls.push(...record(b, "two"));
  const second = await log.next();
  expect(second.isBehind).toBe(true);
  calls.push(...record(c, "three"));
  calls.push(...record(a, "four"));
  await turn();
  expect(log.transactions).toHaveLength(2);
  // The first is not answered: its lock may be held. Only the one that has no calls in either goes on.
  const third = await log.next();
  expect(third.isBehind).toBe(false);
  expect(third.entries.map(({ action }) => action)).toEqual(["three"]);
  third.commit();
  await calls[2];
  first.commit();
  const fourth = await log.next();
  expect(fourth.entries.map(({ action }) => action)).toEqual(["four"]);
  second.commit();
  fourth.commit();
  expect(await Promise.all(calls)).toEqual([1n, 1n, 1n, 2n]);
});

test("a call cancelled behind a transaction that fails is not tried again", async () => {
  const { log, queue, record } = sendingInOneGo();
  const team = newTeam();
  const calls = record(team, "one");
  const first = await log.next();
  const caller = new AbortController();
  const cancelled = outcome(queue.record(newEntry(team, "two"), caller.signal));
  const second = await log.next();
  expect(second.isBehind).toBe(true);
  caller.abort(new AuditError("DEADLINE_EXCEEDED", "too late"));
  second.commit();
  first.fail(databaseError("08006"));
  expect(await cancelled).toBe("DEADLINE_EXCEEDED");
  const again = await log.next();
  expect(again.entries.map(({ action }) => action)).toEqual(["one"]);
  again.commit();
  expect(await Promise.all(calls)).toEqual([1n]);
});

/** Records for the teams again and again, each as soon as the last is answered, until told to stop. */
function keepBusy(queue: GroupCommit, teams: readonly TeamId[], entries: number) {
  let busy = true;
  const callers = teams.map(async (team) => {
    while (busy) {
      await Promise.all(Array.from({ length: entries }, () => queue.record(newEntry(team), never)));
    }
  });
  return async () => {
    busy = false;
    await Promise.all(callers);
  };
}

/** Ends transactions a turn after they begin, as the test says, until told to stop. */
function serve(log: FakeLog, end: (transaction: FakeTransaction) => void) {
  let serving = true;
  void (async () => {
    while (serving) {
      const next = await log.next();
      setImmediate(() => end(next));
    }
  })();
  return () => {
    serving = false;
  };
}

test("a team whose head was held goes on while others are sent one behind the other", async () => {
  const log = new FakeLog({ inOneGo: true });
  let inVain = 0;
  const append: typeof log.append = (entries, options) =>
    log.append(entries, options).catch((error: unknown) => {
      if (error instanceof NotBehind) inVain += 1;
      throw error;
    });
  const queue = groupCommitOver(append, { limits: { transactionEntries: 8 } });
  const [held, ...others] = Array.from({ length: 5 }, newTeam) as [TeamId, ...TeamId[]];
  const tries: FakeTransaction[] = [];
  let behind = 0;
  const stop = serve(log, (transaction) => {
    if (transaction.isBehind) behind += 1;
    const isHeld = transaction.entries.some(({ teamId }) => teamId === held);
    if (isHeld) tries.push(transaction);
    transaction.commit(isHeld && tries.length < 3 ? [held] : []);
  });
  const rest = keepBusy(queue, others, 4);
  const { sequence } = await queue.record(newEntry(held), never);
  expect(sequence).toBe(1n);
  expect(behind).toBeGreaterThan(3);
  expect(tries).toHaveLength(3);
  // Only what was behind the first try, if that was not behind another itself.
  expect(inVain).toBeLessThanOrEqual(1);
  await rest();
  stop();
});

test("what failed behind another is tried for itself, however much waits", async () => {
  const { log, queue } = sendingInOneGo({ transactionEntries: 8 });
  const [odd, ...others] = Array.from({ length: 5 }, newTeam) as [TeamId, ...TeamId[]];
  let failed = 0;
  const stop = serve(log, (transaction) => {
    const isOdd = transaction.entries.some(({ action }) => action === "odd");
    // As with an id that was recorded before: not as expected, whatever is ahead.
    if (isOdd && transaction.isBehind) {
      failed += 1;
      transaction.fail(new NotBehind("the log has another end"));
    } else transaction.commit();
  });
  const rest = keepBusy(queue, others, 4);
  const answers = [];
  for (let i = 0; i < 20; i++) answers.push(await queue.record(newEntry(odd, "odd"), never));
  expect(answers.map(({ sequence }) => Number(sequence))).toEqual(answers.map((_, i) => i + 1));
  expect(failed).toBeGreaterThan(0);
  expect(failed).toBeLessThanOrEqual(20);
  await rest();
  stop();
});

test("nothing comes between calls that are put back and those before them", async () => {
  for (let ticks = 0; ticks < 20; ticks++) {
    const { log, record, actions } = sendingInOneGo();
    const team = newTeam();
    const calls = record(team, "one");
    const first = await log.next();
    calls.push(...record(team, "two"));
    const second = await log.next();
    first.commit();
    second.fail(new NotBehind("the log has another end"));
    // At whatever tick it comes, it is behind what came before it.
    for (let i = 0; i < ticks; i++) await undefined;
    calls.push(...record(team, "three"));
    expect(await commitAll(log, calls)).toEqual([1n, 2n, 3n]);
    expect(actions()).toEqual(["one", "two", "three"]);
  }
});

test("nothing is sent behind a transaction that takes long", async () => {
  const { log, record } = sendingInOneGo();
  const [a, b] = [newTeam(), newTeam()];
  const calls = record(a, "one");
  const first = await log.next();
  await setTimeout(60);
  calls.push(...record(b, "two"));
  const second = await log.next();
  expect(second.isBehind).toBe(false);
  second.commit();
  await calls[1];
  first.commit();
  expect(await Promise.all(calls)).toEqual([1n, 1n]);
});
