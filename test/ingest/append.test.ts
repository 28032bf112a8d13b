import pg from "pg";
import { expect, onTestFinished, test } from "vitest";
import type { TeamId } from "../../src/ids.ts";
import type { GroupCommit } from "../../src/ingest/group-commit.ts";
import type { Entry, NewEntry } from "../../src/log/entry.ts";
import { append } from "../../src/store/append.ts";
import { KnownLogs } from "../../src/store/known-logs.ts";
import { openPools } from "../../src/store/pool.ts";
import { endsAppend, saysCommitted } from "../support/append-bytes.ts";
import { newEntry, newTeam } from "../support/new-entry.ts";
import { createDatabase } from "../support/postgres.ts";
import { startTcpProxy } from "../support/tcp-proxy.ts";
import { groupCommitOver } from "./fake-log.ts";

const never = new AbortController().signal;

/** A replica's group commit and its sessions. */
interface Replica extends AsyncDisposable {
  readonly queue: GroupCommit;
  /** How many transactions had to be tried again. */
  readonly retries: number;
}

function startReplica(url: string): Replica {
  const pools = openPools(
    { connection: { connectionString: url }, singleSession: false },
    4,
    () => {
      // A session that a test broke; the pool replaces it.
    },
  );
  let retries = 0;
  const known = new KnownLogs();
  const queue = groupCommitOver(
    (entries, options) => append(pools.write, entries, { ...options, known }),
    {
      metrics: {
        queued: () => undefined,
        committed: () => undefined,
        retried: () => {
          retries += 1;
        },
      },
    },
  );
  return {
    queue,
    get retries() {
      return retries;
    },
    [Symbol.asyncDispose]: async () => {
      await queue.close(5_000);
      await pools.close();
    },
  };
}

async function connect(url: string): Promise<pg.Client & AsyncDisposable> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  return Object.assign(client, { [Symbol.asyncDispose]: () => client.end() });
}

/** The actions of a team's log by sequence, which must be 1, 2, 3 … */
async function actionsOf(session: pg.Client, team: TeamId): Promise<string[]> {
  const { rows } = await session.query<{ sequence: string; action: string; size: string }>(
    `SELECT sequence, action, size FROM control_plane.audit_logs
     JOIN control_plane.audit_log_heads USING (team_id)
     WHERE team_id = $1 ORDER BY sequence`,
    [team],
  );
  expect(rows.map(({ sequence }) => Number(sequence))).toEqual(rows.map((_, i) => i + 1));
  for (const { size } of rows) expect(Number(size)).toBe(rows.length);
  return rows.map(({ action }) => action);
}

function recordAll(queue: GroupCommit, entries: readonly NewEntry[]): Promise<Entry[]> {
  return Promise.all(entries.map((entry) => queue.record(entry, never)));
}

function numbered(team: TeamId, count: number): NewEntry[] {
  return Array.from({ length: count }, (_, i) => newEntry(team, `a.${i}`));
}

/** Holds heads as a frozen replica would, until released. */
async function holdHeads(url: string, teams: readonly TeamId[]): Promise<() => Promise<void>> {
  const holder = new pg.Client({ connectionString: url });
  await holder.connect();
  let released: Promise<void> | undefined;
  const release = () => {
    released ??= holder.end();
    return released;
  };
  onTestFinished(release);
  await holder.query("BEGIN");
  const { rowCount } = await holder.query(
    "SELECT FROM control_plane.audit_log_heads WHERE team_id = ANY($1::uuid[]) FOR UPDATE",
    [teams],
  );
  expect(rowCount).toBe(teams.length);
  return release;
}

test("an entry that PostgreSQL refuses fails alone; the others are recorded in order", async () => {
  await using database = await createDatabase();
  await using session = await connect(database.url);
  await using replica = startReplica(database.url);
  const [a, b] = [newTeam(), newTeam()];
  const bad = (team: TeamId): NewEntry => ({
    ...newEntry(team, "bad"),
    // What the codec refuses and PostgreSQL too (SQLSTATE 22021).
    details: { actorName: "a\0b" },
  });
  const entries = [...numbered(a, 9), bad(a), ...numbered(b, 4), bad(b), ...numbered(b, 3)];
  const outcomes = await Promise.allSettled(
    entries.map((entry) => replica.queue.record(entry, never)),
  );
  for (const [i, outcome] of outcomes.entries()) {
    if (entries[i]?.action !== "bad") expect(outcome.status).toBe("fulfilled");
    else expect(outcome).toMatchObject({ reason: { reason: "INVALID_FIELD" } });
  }
  for (const team of [a, b]) {
    expect(await actionsOf(session, team)).toEqual(
      entries.filter((e) => e.teamId === team && e.action !== "bad").map((e) => e.action),
    );
  }
});

test.each([
  ["asked for", "fromClient", endsAppend],
  ["said", "fromServer", saysCommitted],
] as const)(
  "an entry is recorded once when the connection is lost as the commit is %s",
  async (_, side, isTheTime) => {
    await using database = await createDatabase();
    await using session = await connect(database.url);
    await using proxy = await startTcpProxy(database.url);
    await using replica = startReplica(proxy.url);
    const team = newTeam();
    await recordAll(replica.queue, numbered(team, 1));
    let cuts = 0;
    proxy[side] = (bytes) => {
      if (cuts === 3 || !isTheTime(bytes)) return "pass";
      cuts += 1;
      return "cut";
    };
    const sent = numbered(team, 50);
    const recorded = await recordAll(replica.queue, sent);
    expect(cuts).toBe(3);
    expect(replica.retries).toBe(3);
    expect(recorded.map(({ sequence }) => Number(sequence))).toEqual(sent.map((_, i) => i + 2));
    expect(await actionsOf(session, team)).toEqual(["a.0", ...sent.map(({ action }) => action)]);
  },
);

test("sessions that are killed under load lose and double nothing", async () => {
  await using database = await createDatabase();
  await using session = await connect(database.url);
  await using replica = startReplica(database.url);
  const teams = [newTeam(), newTeam(), newTeam()];
  const sent = teams.map((team) => numbered(team, 400));
  let busy = true;
  const killing = (async () => {
    while (busy) {
      await session.query(
        `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
         WHERE datname = current_database() AND application_name = 'annals-append'`,
      );
      await session.query("SELECT pg_sleep(0.02)");
    }
  })();
  // Each writer waits for its last entry, so that there are many transactions to hit.
  const recorded = await Promise.all(
    sent.map(async (entries) => {
      const sequences: number[] = [];
      for (const chunk of Map.groupBy(entries, (_, i) => Math.floor(i / 20)).values()) {
        const answers = await recordAll(replica.queue, chunk);
        sequences.push(...answers.map(({ sequence }) => Number(sequence)));
      }
      return sequences;
    }),
  );
  busy = false;
  await killing;
  expect(replica.retries).toBeGreaterThan(0);
  for (const [i, team] of teams.entries()) {
    expect(recorded[i]).toEqual(sent[i]?.map((_, n) => n + 1));
    expect(await actionsOf(session, team)).toEqual(sent[i]?.map(({ action }) => action));
  }
});

test("a held head stalls its own team only, which goes on when it is released", async () => {
  await using database = await createDatabase();
  await using session = await connect(database.url);
  await using replica = startReplica(database.url);
  const [stuck, ...free] = [newTeam(), newTeam(), newTeam()];
  await recordAll(
    replica.queue,
    [stuck, ...free].map((team) => newEntry(team, "a.0")),
  );
  const release = await holdHeads(database.url, [stuck]);

  let answered = 0;
  const held = numbered(stuck, 20).map((entry) =>
    replica.queue.record(entry, never).then(() => {
      answered += 1;
    }),
  );
  for (let round = 1; round <= 50; round++) {
    await recordAll(
      replica.queue,
      free.map((team) => newEntry(team, `a.${round}`)),
    );
  }
  expect(answered).toBe(0);
  await release();
  await Promise.all(held);
  expect(await actionsOf(session, stuck)).toEqual([
    "a.0",
    ...numbered(stuck, 20).map(({ action }) => action),
  ]);
  for (const team of free) expect(await actionsOf(session, team)).toHaveLength(51);
});

test("a hundred held heads stall no one else", async () => {
  await using database = await createDatabase();
  await using session = await connect(database.url);
  await using replica = startReplica(database.url);
  const stuck = Array.from({ length: 100 }, newTeam);
  const free = Array.from({ length: 20 }, newTeam);
  await recordAll(
    replica.queue,
    [...stuck, ...free].map((team) => newEntry(team, "a.0")),
  );
  const release = await holdHeads(database.url, stuck);

  let answered = 0;
  const held = stuck.flatMap((team) =>
    Array.from({ length: 30 }, (_, i) =>
      replica.queue.record(newEntry(team, `a.${i + 1}`), never).then(() => {
        answered += 1;
      }),
    ),
  );
  for (let round = 1; round <= 20; round++) {
    await recordAll(
      replica.queue,
      free.map((team) => newEntry(team, `a.${round}`)),
    );
  }
  // Teams that have no head yet are none of the held ones either.
  const newcomers = Array.from({ length: 20 }, newTeam);
  await recordAll(
    replica.queue,
    newcomers.map((team) => newEntry(team, "a.0")),
  );
  expect(answered).toBe(0);
  await release();
  await Promise.all(held);
  for (const team of stuck) {
    expect(await actionsOf(session, team)).toEqual(Array.from({ length: 31 }, (_, i) => `a.${i}`));
  }
  for (const team of newcomers) expect(await actionsOf(session, team)).toEqual(["a.0"]);
});

test("one id sent to two replicas at once is one entry, and both answer with it", async () => {
  await using database = await createDatabase();
  await using session = await connect(database.url);
  await using first = startReplica(database.url);
  await using second = startReplica(database.url);
  const teams = [newTeam(), newTeam()];
  for (let round = 0; round < 20; round++) {
    const entries = teams.flatMap((team) => numbered(team, 10));
    const [here, there] = await Promise.all([
      recordAll(first.queue, entries),
      recordAll(second.queue, entries.toReversed()),
    ]);
    const sequences = (answers: readonly Entry[]) =>
      new Map(
        answers.map(({ id, sequence, leafHash }) => [
          id,
          `${sequence} ${Buffer.from(leafHash).toString("hex")}`,
        ]),
      );
    expect(sequences(there)).toEqual(sequences(here));
  }
  for (const team of teams) expect(await actionsOf(session, team)).toHaveLength(200);
});

test("close records what is queued", async () => {
  await using database = await createDatabase();
  await using session = await connect(database.url);
  const team = newTeam();
  let answers: Promise<Entry[]>;
  {
    await using replica = startReplica(database.url);
    answers = recordAll(replica.queue, numbered(team, 2_000));
  }
  expect(await answers).toHaveLength(2_000);
  expect(await actionsOf(session, team)).toHaveLength(2_000);
});
