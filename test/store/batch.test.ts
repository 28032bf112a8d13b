import type pg from "pg";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { append } from "../../src/store/append.ts";
import { inOneGo } from "../../src/store/batch.ts";
import { openEmbedded } from "../../src/store/embedded.ts";
import { KnownLogs } from "../../src/store/known-logs.ts";
import { openPools, type Pools, type Queryable } from "../../src/store/pool.ts";
import { createDataDir } from "../support/data-dir.ts";
import { newEntry, newTeam } from "../support/new-entry.ts";
import { createDatabase } from "../support/postgres.ts";
import { startTcpProxy, type TcpProxy } from "../support/tcp-proxy.ts";

const cleanup = new AsyncDisposableStack();
let url: string;
let pools: Pools;
let proxy: TcpProxy;
let proxied: Pools;
beforeAll(async () => {
  url = cleanup.use(await createDatabase()).url;
  const open = (connectionString: string) => {
    const opened = openPools(
      { connection: { connectionString }, singleSession: false },
      2,
      () => {},
    );
    cleanup.defer(() => opened.close());
    return opened;
  };
  pools = open(url);
  proxy = cleanup.use(await startTcpProxy(url));
  proxied = open(proxy.url);
  await pools.write.query("CREATE TABLE numbers (n integer PRIMARY KEY)");
  await pools.write.query(
    `CREATE TABLE pairs (n integer, UNIQUE (n) DEFERRABLE INITIALLY DEFERRED)`,
  );
});
beforeEach(async () => {
  await pools.read.query("TRUNCATE numbers, pairs");
  proxy.fromClient = () => "pass";
});
afterAll(() => cleanup.disposeAsync());

/** A session that is closed if what is done with it fails, as an append's is. */
async function withSession<T>(pool: pg.Pool, use: (session: pg.PoolClient) => Promise<T>) {
  const session = await pool.connect();
  let failed = true;
  try {
    const result = await use(session);
    failed = false;
    return result;
  } finally {
    session.release(failed);
  }
}

const insert = (db: Queryable, n: unknown, table = "numbers") =>
  db.query({ name: `insert-${table}`, text: `INSERT INTO ${table} VALUES ($1)`, values: [n] });
const count = (db: Queryable) =>
  db.query<{ count: bigint }>({ name: "count", text: "SELECT count(*) FROM numbers" });

async function numbers(): Promise<number[]> {
  const { rows } = await pools.read.query("SELECT n FROM numbers ORDER BY n");
  return rows.map(({ n }) => n);
}

/** How often PostgreSQL said that it is ready for the next query. */
function countReady(session: pg.ClientBase): () => number {
  let ready = 0;
  const { connection } = session as unknown as { connection: pg.Connection };
  connection.on("readyForQuery", () => {
    ready += 1;
  });
  return () => ready;
}

test("many statements, one of them twice, are one transaction with one answer", async () => {
  await withSession(pools.write, async (session) => {
    const ready = countReady(session);
    const [before, , , after] = await inOneGo(session, (db) => [
      count(db),
      insert(db, 1),
      insert(db, 2),
      count(db),
    ]);
    expect([before.rows, after.rows]).toEqual([[{ count: 0n }], [{ count: 2n }]]);
    // Parsed already.
    const [{ rowCount }] = await inOneGo(session, (db) => [insert(db, 3), insert(db, 4)]);
    expect(rowCount).toBe(1);
    expect(ready()).toBe(2);
  });
  expect(await numbers()).toEqual([1, 2, 3, 4]);
});

test("one that fails undoes those before it and keeps those after it from running", async () => {
  const failing = withSession(pools.write, (session) =>
    inOneGo(session, (db) => [insert(db, 1), insert(db, 1), insert(db, 2)]),
  );
  await expect(failing).rejects.toMatchObject({ code: "23505" });
  expect(await numbers()).toEqual([]);
});

test("what fails at the end of all fails all", async () => {
  const failing = withSession(pools.write, (session) =>
    inOneGo(session, (db) => [insert(db, 1), insert(db, 7, "pairs"), insert(db, 7, "pairs")]),
  );
  await expect(failing).rejects.toMatchObject({ code: "23505" });
  expect(await numbers()).toEqual([]);
});

test("values that cannot be sent keep all from being sent", async () => {
  const endless: Record<string, unknown> = {};
  endless.self = endless;
  const failing = withSession(pools.write, async (session) => {
    const ready = countReady(session);
    try {
      return await inOneGo(session, (db) => [insert(db, 1), insert(db, endless), insert(db, 2)]);
    } finally {
      // It would answer this one after the others.
      await session.query("SELECT 1");
      expect(ready()).toBe(1);
    }
  });
  await expect(failing).rejects.toThrow(/circular/);
  expect(await numbers()).toEqual([]);
});

test("a name that stands for two statements is refused, and nothing is sent", async () => {
  const failing = withSession(pools.write, (session) =>
    inOneGo(session, (db) => [
      insert(db, 1),
      db.query({ name: "insert-numbers", text: "SELECT 1" }),
    ]),
  );
  await expect(failing).rejects.toThrow(/must be unique/);
  expect(await numbers()).toEqual([]);
});

test("statements with one Sync go on within a transaction that was begun before", async () => {
  await withSession(pools.write, async (session) => {
    await session.query("BEGIN");
    await inOneGo(session, (db) => [insert(db, 1)]);
    await session.query("ROLLBACK");
  });
  expect(await numbers()).toEqual([]);
});

test("writes that have arrived before run in their place, and see what those before them did", async () => {
  const double = { name: "double", text: "INSERT INTO numbers SELECT n * 10 FROM numbers" };
  await withSession(pools.write, (session) =>
    inOneGo(session, (db, arrived) => [insert(db, 1), arrived.query(double), insert(arrived, 2)]),
  );
  expect(await numbers()).toEqual([1, 2, 10]);
});

test("what is sent behind another is run after it, and answered by itself", async () => {
  await withSession(pools.write, async (session) => {
    const wait = { name: "wait", text: "SELECT pg_sleep(0.05)" };
    const first = inOneGo(session, (db) => [db.query(wait), count(db), insert(db, 1)]);
    const endless: Record<string, unknown> = {};
    endless.self = endless;
    const unsendable = inOneGo(session, (db) => [insert(db, 2), insert(db, endless)], true);
    await expect(unsendable).rejects.toThrow(/circular/);
    const [, before] = await first;
    expect(before.rows).toEqual([{ count: 0n }]);
  });
  const failure = await withSession(pools.write, async (session) => {
    const failing = inOneGo(session, (db) => [insert(db, 5), insert(db, 1)]);
    const failed = failing.catch((error: unknown) => error);
    const behind = inOneGo(session, (db) => [count(db), insert(db, 3), count(db)], true);
    const [before, , after] = await behind;
    expect([before.rows, after.rows]).toEqual([[{ count: 1n }], [{ count: 2n }]]);
    return failed;
  });
  expect(failure).toMatchObject({ code: "23505" });
  expect(await numbers()).toEqual([1, 3]);
});

test("it is sent before the one ahead is answered", async () => {
  const waits = "SELECT pg_advisory_xact_lock(77)";
  const sent: string[] = [];
  proxy.fromClient = (bytes) => {
    sent.push(bytes.toString("latin1"));
    return "pass";
  };
  const holder = await pools.write.connect();
  await holder.query(`BEGIN; ${waits}`);
  await withSession(proxied.write, async (session) => {
    const first = inOneGo(session, (db) => [db.query({ name: "waits", text: waits })]);
    const second = inOneGo(session, (db) => [insert(db, 4)], true);
    await expect.poll(() => sent.join("")).toContain("INSERT INTO numbers");
    await holder.query("ROLLBACK");
    holder.release();
    await Promise.all([first, second]);
  });
  expect(await numbers()).toEqual([4]);
});

test("sessions read what is committed, whatever the database's default", async () => {
  const { rows } = await pools.write.query<{ name: string }>("SELECT current_database() AS name");
  const setDefault = (level: string) =>
    pools.write.query(
      `ALTER DATABASE "${rows[0]?.name}" SET default_transaction_isolation = '${level}'`,
    );
  await setDefault("serializable");
  try {
    const session = openPools(
      { connection: { connectionString: url }, singleSession: false },
      1,
      () => {},
    );
    const shown = await session.write.query("SHOW transaction_isolation");
    await session.close();
    expect(shown.rows).toEqual([{ transaction_isolation: "read committed" }]);
  } finally {
    await setDefault("read committed");
  }
});

test("a connection that breaks fails all", async () => {
  await withSession(proxied.write, (session) => inOneGo(session, (db) => [insert(db, 1)]));
  proxy.fromClient = () => "cut";
  const failing = withSession(proxied.write, (session) =>
    inOneGo(session, (db) => [insert(db, 2), insert(db, 3)]),
  );
  await expect(failing).rejects.toThrow(/terminated/);
  expect(await numbers()).toEqual([1]);
});

test("a process that freezes while it sends a large append holds no head", async () => {
  const known = new KnownLogs({ clockAgeMs: 30_000, recordTimeLagMs: 30_000 });
  const teamId = newTeam();
  const large = { metadata: { text: "x".repeat(20_000) } };
  const entries = (count: number) =>
    Array.from({ length: count }, () => ({ ...newEntry(teamId), details: large }));
  for (const _ of [1, 2]) await append(proxied.write, entries(1), { known });
  let passed = 0;
  proxy.fromClient = (bytes) => {
    passed += bytes.length;
    return passed > 100_000 ? "hold" : "pass";
  };
  const frozen = append(proxied.write, entries(20), { known });
  await expect.poll(() => proxy.held).toBe(1);
  expect(passed).toBeGreaterThan(100_000);
  // It would wait for the lock for a second, and then fail.
  const { appended } = await append(pools.write, entries(1));
  expect(appended.map(({ sequence }) => sequence)).toEqual([3n]);
  proxy.cut();
  await expect(frozen).rejects.toThrow(/terminated/);
});

test("the embedded database does the same", async () => {
  await using dataDir = await createDataDir();
  const embedded = await openEmbedded(dataDir.path);
  const opened = openPools({ connection: embedded.connection, singleSession: true }, 1, () => {});
  try {
    await opened.write.query("CREATE TABLE numbers (n integer PRIMARY KEY)");
    await withSession(opened.write, (session) =>
      inOneGo(session, (db, arrived) => [insert(db, 1), insert(arrived, 2)]),
    );
    const failing = withSession(opened.write, (session) =>
      inOneGo(session, (db, arrived) => [insert(db, 3), insert(arrived, 2)]),
    );
    await expect(failing).rejects.toMatchObject({ code: "23505" });
    const { rows } = await opened.write.query("SELECT n FROM numbers ORDER BY n");
    expect(rows).toEqual([{ n: 1 }, { n: 2 }]);
  } finally {
    await opened.close();
    await embedded.close();
  }
});
