import pg from "pg";
import { afterAll, beforeAll, beforeEach, expect, onTestFinished, test } from "vitest";
import type { EntryId, TeamId } from "../../src/ids.ts";
import type { NewEntry } from "../../src/log/entry.ts";
import { type Appended, append } from "../../src/store/append.ts";
import { AppendSession, NotBehind } from "../../src/store/append-session.ts";
import { KnownLogs } from "../../src/store/known-logs.ts";
import { openPools, type Pools } from "../../src/store/pool.ts";
import { newEntry, newTeam } from "../support/new-entry.ts";
import { createDatabase } from "../support/postgres.ts";
import { startTcpProxy, type TcpProxy } from "../support/tcp-proxy.ts";

const cleanup = new AsyncDisposableStack();
let url: string;
let pools: Pools;
let proxy: TcpProxy;
beforeAll(async () => {
  url = cleanup.use(await createDatabase()).url;
  proxy = cleanup.use(await startTcpProxy(url));
  pools = openPools(
    { connection: { connectionString: proxy.url }, singleSession: false },
    1,
    () => {},
  );
  cleanup.defer(() => pools.close());
});
beforeEach(() => {
  proxy.fromClient = () => "pass";
  proxy.fromServer = () => "pass";
});
afterAll(() => cleanup.disposeAsync());

/** A process that appends to logs whose ends it knows. */
async function startKnowing(...teams: readonly TeamId[]) {
  const guesses: boolean[] = [];
  const known = new KnownLogs({ clockAgeMs: 30_000, recordTimeLagMs: 30_000 }, (right) =>
    guesses.push(right),
  );
  await append(
    pools.write,
    teams.map((team) => newEntry(team, "known")),
    { known },
  );
  /** Sends an append, behind another if that is given, and resolves once it has been sent. */
  const send = async (entries: readonly NewEntry[], behind?: AppendSession) => {
    const sent = Promise.withResolvers<AppendSession>();
    const done = append(pools.write, entries, { known, behind, onSent: sent.resolve });
    done.catch(() => {});
    return { done, session: await sent.promise };
  };
  return { known, guesses, send };
}

/** Holds the head of a team until it is let go, so that what needs it is not answered. */
async function holdHead(team: TeamId): Promise<() => Promise<void>> {
  const holder = new pg.Client({ connectionString: url });
  await holder.connect();
  let ended: Promise<void> | undefined;
  const letGo = () => {
    ended ??= holder.end();
    return ended;
  };
  onTestFinished(letGo);
  await holder.query("BEGIN");
  await holder.query("SELECT FROM control_plane.audit_log_heads WHERE team_id = $1 FOR UPDATE", [
    team,
  ]);
  return letGo;
}

const sequences = ({ appended }: Appended) => appended.map(({ sequence }) => Number(sequence));

/** What a team's log holds, whose sequences must be dense and its size theirs. */
async function actionsOf(team: TeamId): Promise<string[]> {
  const { rows } = await pools.read.query<{ sequence: bigint; action: string; size: bigint }>(
    `SELECT sequence, action, size FROM control_plane.audit_logs
     JOIN control_plane.audit_log_heads USING (team_id) WHERE team_id = $1 ORDER BY sequence`,
    [team],
  );
  expect(rows.map(({ sequence }) => Number(sequence))).toEqual(rows.map((_, i) => i + 1));
  for (const { size } of rows) expect(Number(size)).toBe(rows.length);
  return rows.map(({ action }) => action);
}

test("appends sent one behind the other are done in turn, each by itself", async () => {
  const [a, b] = [newTeam(), newTeam()];
  const { send, guesses } = await startKnowing(a, b);
  const letGo = await holdHead(a);
  const first = await send([newEntry(a, "one"), newEntry(b, "one")]);
  // Sent, though the first waits for its lock.
  const second = await send([newEntry(b, "two"), newEntry(a, "two")], first.session);
  expect(guesses).toEqual([]);
  await letGo();
  const done = await Promise.all([first.done, second.done]);
  expect(done.map(sequences)).toEqual([
    [2, 2],
    [3, 3],
  ]);
  expect(await actionsOf(a)).toEqual(["known", "one", "two"]);
  expect(await actionsOf(b)).toEqual(["known", "one", "two"]);
  expect(guesses).toEqual([true, true]);
  // The one session is back in its pool, and goes on.
  expect(pools.write.idleCount).toBe(1);
  const next = await send([newEntry(a, "three")]);
  expect(sequences(await next.done)).toEqual([4]);
});

test("over tiles and counts what is sent behind goes on where the one ahead will end", async () => {
  const team = newTeam();
  const { send, guesses } = await startKnowing(team);
  const many = (count: number) => Array.from({ length: count }, () => newEntry(team));
  for (let round = 0; round < 5; round++) {
    const first = await send(many(100));
    const second = await send(many(50), first.session);
    await Promise.all([first.done, second.done]);
  }
  expect(guesses).toEqual(Array(10).fill(true));
  expect(await actionsOf(team)).toHaveLength(751);
  const { rows } = await pools.read.query(
    "SELECT count(*)::integer AS tiles FROM control_plane.audit_log_tiles WHERE team_id = $1",
    [team],
  );
  expect(rows).toEqual([{ tiles: 2 }]);
});

test("if the one ahead finds a log otherwise, what is behind it is not appended", async () => {
  const [shared, own] = [newTeam(), newTeam()];
  const { send, guesses } = await startKnowing(shared, own);
  await append(pools.write, [newEntry(shared, "another process")]);
  const letGo = await holdHead(shared);
  const first = await send([newEntry(shared, "one")]);
  const second = await send([newEntry(shared, "two"), newEntry(own, "two")], first.session);
  await letGo();
  await expect(second.done).rejects.toThrow(NotBehind);
  // The other way, for which it needs the session that they share.
  expect(sequences(await first.done)).toEqual([3]);
  expect(await actionsOf(own)).toEqual(["known"]);
  // Wrong for what the first one met, it does not count as a guess.
  expect(guesses).toEqual([false]);
  expect(pools.write.idleCount).toBe(1);
});

test("if the one ahead fails, what is behind it is not appended, and their session is closed", async () => {
  const [a, b] = [newTeam(), newTeam()];
  const { send } = await startKnowing(a, b);
  const letGo = await holdHead(a);
  const first = await send([newEntry(a, "one")]);
  const second = await send([newEntry(b, "two"), newEntry(a, "two")], first.session);
  // After a second; the one behind it finds the log as it was.
  await expect(first.done).rejects.toMatchObject({ code: "55P03" });
  await letGo();
  await expect(second.done).rejects.toThrow(NotBehind);
  expect(pools.write.totalCount).toBe(0);
  expect(await actionsOf(a)).toEqual(["known"]);
  expect(await actionsOf(b)).toEqual(["known"]);
});

test("what fails behind another leaves that one as it is", async () => {
  const team = newTeam();
  const { send } = await startKnowing(team);
  const letGo = await holdHead(team);
  const first = await send([newEntry(team, "one")]);
  // What the codec refuses and PostgreSQL too.
  const bad = { ...newEntry(team, "bad"), details: { actorName: "a\0b" } };
  const second = await send([bad], first.session);
  await letGo();
  expect(sequences(await first.done)).toEqual([2]);
  await expect(second.done).rejects.toMatchObject({ code: "22021" });
  expect(pools.write.totalCount).toBe(0);
  expect(await actionsOf(team)).toEqual(["known", "one"]);
});

test("an id that the one ahead records is found, not appended again", async () => {
  const team = newTeam();
  const { send, guesses } = await startKnowing(team);
  const entry = newEntry(team, "one");
  const letGo = await holdHead(team);
  const first = await send([entry]);
  const second = await send([newEntry(team, "two"), entry], first.session);
  await letGo();
  expect(sequences(await first.done)).toEqual([2]);
  await expect(second.done).rejects.toThrow(NotBehind);
  const again = await append(pools.write, [entry]);
  expect(again.entries.get(team)?.get(entry.id as EntryId)?.sequence).toBe(2n);
  expect(await actionsOf(team)).toEqual(["known", "one"]);
  expect(guesses).toEqual([true]);
});

test.each(["before they are done", "after"])(
  "if the connection breaks %s, both fail, and each is there once when they are sent again",
  async (when) => {
    const team = newTeam();
    const { send, known } = await startKnowing(team);
    const letGo = await holdHead(team);
    if (when === "after") proxy.fromServer = () => "cut";
    const entries = [newEntry(team, "one"), newEntry(team, "two")] as const;
    const first = await send([entries[0]]);
    const second = await send([entries[1]], first.session);
    if (when === "after") await letGo();
    else proxy.cut();
    await expect(first.done).rejects.toThrow(/terminated|ECONNRESET/);
    await expect(second.done).rejects.toThrow(/terminated|ECONNRESET/);
    if (when !== "after") await letGo();
    proxy.fromServer = () => "pass";
    for (const entry of entries) await append(pools.write, [entry], { known });
    expect(await actionsOf(team)).toEqual(["known", "one", "two"]);
  },
);

test("nothing is sent behind what is not on its way, or in a session that others want", async () => {
  const [team, fresh] = [newTeam(), newTeam()];
  const { send, known } = await startKnowing(team);
  const letGo = await holdHead(team);
  const first = await send([newEntry(team, "one")]);
  const behind = (entry: NewEntry, session = first.session) =>
    append(pools.write, [entry], { known, behind: session });
  await expect(behind(newEntry(fresh))).rejects.toThrow(NotBehind);
  const waiting = pools.write.connect();
  await expect(behind(newEntry(team))).rejects.toThrow("others wait for a session");
  await letGo();
  await first.done;
  (await waiting).release();
  await expect(behind(newEntry(team))).rejects.toThrow("nothing is on its way");

  expect(await actionsOf(team)).toEqual(["known", "one"]);
  expect(await actionsOf(fresh)).toEqual([]);
});

test("nothing is sent behind an append that has gone the long way", async () => {
  const team = newTeam();
  const { send, known } = await startKnowing(team);
  await append(pools.write, [newEntry(team, "another process")]);
  const letGo = await holdHead(team);
  const first = await send([newEntry(team, "one")]);
  const options = { known, behind: first.session };
  let behind: Promise<unknown> | undefined;
  proxy.fromClient = (bytes) => {
    // The first is about to lock its head again, in a transaction of its own.
    if (bytes.includes("begin"))
      behind ??= append(pools.write, [newEntry(team)], options).catch((error) => error);
    return "pass";
  };
  await letGo();
  expect(sequences(await first.done)).toEqual([3]);
  expect(await behind).toEqual(new NotBehind("nothing is on its way"));
  expect(await actionsOf(team)).toEqual(["known", "another process", "one"]);
});

test("nothing is sent behind what is behind an append that was wrong", async () => {
  const released: unknown[] = [];
  const client = { release: (failure: unknown) => released.push(failure) };
  const session = new AppendSession(client as unknown as pg.PoolClient);
  session.sent();
  session.join().sent();
  session.answered(false);
  // The first may be in the middle of another transaction by now.
  expect(() => session.join()).toThrow(NotBehind);
  session.answered(false);
  session.leave(undefined);
  expect(released).toEqual([]);
  session.leave(undefined);
  expect(released).toEqual([undefined]);
});

test("once plans are to be discarded nothing more is sent behind", async () => {
  const team = newTeam();
  const { send } = await startKnowing(team);
  const many = Array.from({ length: 500 }, () => newEntry(team));
  const first = await send(many);
  const second = await send(
    many.map(() => newEntry(team)),
    first.session,
  );
  await first.done;
  const third = await send([newEntry(team)], second.session);
  await second.done;
  // The log has a thousand entries now.
  await expect(append(pools.write, [newEntry(team)], { behind: third.session })).rejects.toThrow(
    "its plans are to be discarded",
  );
  await third.done;
  expect(await actionsOf(team)).toHaveLength(1_002);
});
