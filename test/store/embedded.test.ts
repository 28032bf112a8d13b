import { spawn } from "node:child_process";
import { once } from "node:events";
import { cp, mkdir, mkdtemp, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import pg from "pg";
import { afterAll, afterEach, beforeAll, expect, onTestFinished, test } from "vitest";
import { type Embedded, openEmbedded } from "../../src/store/embedded.ts";
import { migrateUp, schemaStatus } from "../../src/store/migrate.ts";

let temporary: string;
let migrated: string;
/** Migrations in it. */
let applied: number;
/** For the tests of what a client can do, which leave it as it was but for their table `t`. */
let shared: Embedded;

beforeAll(async () => {
  temporary = await mkdtemp(join(tmpdir(), "annals-test-"));
  migrated = join(temporary, "migrated");
  const embedded = await openEmbedded(migrated);
  applied = (await migrateUp(embedded.connection, () => undefined)).length;
  await embedded.close();
  shared = await openEmbedded(await migratedDirectory());
});

afterEach(async () => {
  const client = await connect(shared);
  await client.query("DROP TABLE IF EXISTS t");
  await client.end();
});

afterAll(async () => {
  await shared?.close();
  await rm(temporary, { recursive: true, force: true });
});

async function migratedDirectory(): Promise<string> {
  const copy = await mkdtemp(join(temporary, "d"));
  await cp(migrated, copy, { recursive: true });
  return copy;
}

async function open(dataDir: string): Promise<Embedded> {
  const embedded = await openEmbedded(dataDir);
  onTestFinished(() => embedded.close());
  return embedded;
}

async function connect(embedded: Embedded, config: pg.ClientConfig = {}): Promise<pg.Client> {
  const client = new pg.Client({ ...embedded.connection, ...config });
  client.on("error", () => undefined);
  await client.connect();
  return client;
}

async function count(client: pg.Client, table: string): Promise<number> {
  const { rows } = await client.query<{ count: string }>(`SELECT count(*) FROM ${table}`);
  return Number(rows[0]?.count);
}

/** Ends the connection as a killed client does, without a word. */
async function vanish(client: pg.Client): Promise<void> {
  const { stream } = (
    client as unknown as { connection: { stream: NodeJS.WritableStream & { destroy(): void } } }
  ).connection;
  const closed = once(stream, "close");
  stream.destroy();
  await closed;
}

test("what was written is there when it is opened again, and nobody else can enter", async () => {
  const dataDir = await migratedDirectory();
  const first = await openEmbedded(dataDir);
  const client = await connect(first);
  await client.query("CREATE TABLE t AS SELECT 7 AS n");
  await client.end();
  await first.close();

  const second = await open(dataDir);
  const again = await connect(second);
  expect(await count(again, "t")).toBe(1);
  await again.end();
  expect((await schemaStatus(second.connection)).pending).toEqual([]);
  for (const directory of [migrated, join(migrated, "postgres"), second.connection.host ?? ""]) {
    expect((await stat(directory)).mode & 0o777).toBe(0o700);
  }
});

test("sessions are in UTC with ISO dates and synchronous commits", async () => {
  const client = await connect(shared);
  const { rows } = await client.query(`
    SELECT current_setting('timezone') AS timezone, current_setting('datestyle') AS datestyle,
           current_setting('synchronous_commit') AS synchronous_commit,
           '2026-03-01 12:00:00.123+02'::timestamptz(3)::text AS instant`);
  await client.end();
  expect(rows).toEqual([
    {
      timezone: "UTC",
      datestyle: "ISO, YMD",
      synchronous_commit: "on",
      instant: "2026-03-01 10:00:00.123+00",
    },
  ]);
});

test("a data directory with a long path works", async () => {
  const parent = join(temporary, "long".repeat(20), "long".repeat(20));
  await mkdir(parent, { recursive: true });
  const dataDir = join(parent, "data");
  await cp(migrated, dataDir, { recursive: true });
  const embedded = await openEmbedded(dataDir);
  const client = await connect(embedded);
  expect(await count(client, "control_plane.migrations")).toBe(applied);
  await client.end();
  await embedded.close();
  await expect(stat(embedded.connection.host ?? "")).rejects.toThrow("ENOENT");
});

test("an interrupted first start is started afresh", async () => {
  const dataDir = join(temporary, "interrupted");
  await mkdir(join(dataDir, "postgres"), { recursive: true });
  await writeFile(join(dataDir, "postgres", "PG_VERSION"), "18\n");
  await writeFile(join(dataDir, "postgres-unfinished"), "");
  const embedded = await open(dataDir);
  expect((await schemaStatus(embedded.connection)).applied).toEqual([]);
  await expect(stat(join(dataDir, "postgres-unfinished"))).rejects.toThrow("ENOENT");
});

test("a damaged database is an error, and leaves the directory free", async () => {
  const dataDir = await migratedDirectory();
  await rm(join(dataDir, "postgres", "global"), { recursive: true });
  await expect(openEmbedded(dataDir)).rejects.toThrow(/embedded database/);
  await rm(dataDir, { recursive: true });
  await cp(migrated, dataDir, { recursive: true });
  await open(dataDir);
});

test("large parameters and large answers pass", async () => {
  const client = await connect(shared);
  const text = "é".repeat(2_000_000);
  const { rows } = await client.query("SELECT $1::text AS text", [text]);
  expect(rows[0].text === text).toBe(true);
  const { rowCount } = await client.query(
    "SELECT n, repeat('x', 1000) FROM generate_series(1, 10000) AS n",
  );
  expect(rowCount).toBe(10_000);
  await client.end();
});

test("a query does not block the event loop", async () => {
  const client = await connect(shared);
  let ticks = 0;
  const interval = setInterval(() => {
    ticks += 1;
  }, 10);
  await client.query("SELECT count(*) FROM generate_series(1, 3000000)");
  clearInterval(interval);
  await client.end();
  expect(ticks).toBeGreaterThan(3);
});

test("a client that vanishes leaves nothing of its session to the next", async () => {
  const first = await connect(shared);
  await first.query("CREATE TABLE t (n integer)");
  await first.query("SET statement_timeout = 77");
  await first.query({ name: "insert", text: "INSERT INTO t VALUES ($1)", values: [1] });
  await first.query("SELECT pg_advisory_lock(5)");
  await first.query("BEGIN");
  await first.query("INSERT INTO t VALUES (2)");
  await vanish(first);

  const second = await connect(shared);
  expect(await count(second, "t")).toBe(1);
  expect(await count(second, "pg_prepared_statements")).toBe(0);
  expect(await count(second, "pg_locks WHERE locktype = 'advisory'")).toBe(0);
  expect((await second.query("SHOW statement_timeout")).rows).toEqual([{ statement_timeout: "0" }]);
  await second.query({ name: "insert", text: "INSERT INTO t VALUES ($1)", values: [3] });
  expect(await count(second, "t")).toBe(2);
  await second.end();
});

test("a client that vanishes between a statement and its Sync has not committed it", async () => {
  const first = await connect(shared);
  await first.query("CREATE TABLE t (n integer)");
  const { connection } = first as unknown as {
    connection: pg.Connection & {
      parse(query: { text: string }): void;
      bind(config: object): void;
      execute(config: object): void;
      flush(): void;
    };
  };
  connection.parse({ text: "INSERT INTO t VALUES (1)" });
  connection.bind({});
  connection.execute({});
  connection.flush();
  await once(connection, "commandComplete");
  await vanish(first);
  const second = await connect(shared);
  expect(await count(second, "t")).toBe(0);
  await second.end();
});

test("a second client waits for the first to go", async () => {
  const first = await connect(shared);
  await first.query("CREATE TABLE t (n integer)");
  const second = connect(shared);
  await first.query("INSERT INTO t VALUES (1)");
  await first.end();
  expect(await count(await second, "t")).toBe(1);
  await (await second).end();
});

test("a second client is told when the first does not go", async () => {
  const first = await connect(shared);
  await expect(connect(shared)).rejects.toMatchObject({
    code: "53300",
    message: expect.stringContaining("one session"),
  });
  expect((await first.query("SELECT 1")).rowCount).toBe(1);
  await first.end();
});

test("a pool of one connection reconnects at once, again and again", async () => {
  const pool = new pg.Pool({ ...shared.connection, max: 1, maxUses: 1 });
  const results = await Promise.all(Array.from({ length: 50 }, () => pool.query("SELECT 1")));
  expect(results).toHaveLength(50);
  await pool.end();
});

test("the death of the database is told", async () => {
  const embedded = await open(await migratedDirectory());
  const client = await connect(embedded);
  // PGlite cannot read a copy from a socket, and ends itself.
  await client.query("CREATE TABLE t (n integer)");
  await expect(client.query("COPY t FROM STDIN")).rejects.toThrow();
  expect((await embedded.failed).message).toContain("the embedded database failed");
  await client.end().catch(() => undefined);
});

test("closing cuts off who is still connected, and is done once", async () => {
  const dataDir = await migratedDirectory();
  const embedded = await openEmbedded(dataDir);
  const client = await connect(embedded);
  const ended = new Promise((resolve) => client.once("end", resolve));
  await Promise.all([embedded.close(), embedded.close()]);
  await ended;
  await open(dataDir);
});

test("a second server on the directory is refused, in this process or another", async () => {
  const dataDir = await migratedDirectory();
  const embedded = await openEmbedded(dataDir);
  const refusal = /another annals server has the data directory .* open/;
  await expect(openEmbedded(dataDir)).rejects.toThrow(refusal);
  const child = startChild(dataDir, "await openEmbedded(dataDir);");
  let complaint = "";
  child.stderr.on("data", (text) => {
    complaint += text;
  });
  const [status] = await once(child, "close");
  expect(status).toBe(1);
  expect(complaint).toMatch(refusal);
  const client = await connect(embedded);
  expect(await count(client, "control_plane.migrations")).toBe(applied);
  await client.end();
  await embedded.close();
});

test("kill -9 loses nothing that was acknowledged, and frees the directory", async () => {
  const dataDir = await migratedDirectory();
  const child = startChild(
    dataDir,
    `const { connection } = await openEmbedded(dataDir);
     const client = new pg.Client(connection);
     await client.connect();
     await client.query("CREATE TABLE t (n integer PRIMARY KEY)");
     for (let n = 1; ; n += 1) {
       await client.query("BEGIN");
       await client.query("INSERT INTO t VALUES ($1)", [n]);
       await client.query("COMMIT");
       process.stdout.write(n + "\\n");
     }`,
  );
  const exited = once(child, "exit");
  let acknowledged = 0;
  for await (const line of createInterface({ input: child.stdout })) {
    if (acknowledged === 0) await expect(openEmbedded(dataDir)).rejects.toThrow(/another annals/);
    acknowledged = Number(line);
    if (acknowledged === 500) child.kill("SIGKILL");
  }
  await exited;
  expect(acknowledged).toBeGreaterThanOrEqual(500);

  const embedded = await open(dataDir);
  const client = await connect(embedded);
  const { rows } = await client.query<{ n: number }>("SELECT n FROM t ORDER BY n");
  await client.end();
  // The one being committed when the process was killed may be there too.
  expect([acknowledged, acknowledged + 1]).toContain(rows.length);
  expect(rows.map(({ n }) => n)).toEqual(rows.map((_, index) => index + 1));
});

/** Runs a script in a process of its own, with openEmbedded, pg and dataDir in reach. */
function startChild(dataDir: string, script: string) {
  const module = new URL("../../src/store/embedded.ts", import.meta.url).href;
  const source = `
    import pg from "pg";
    const { openEmbedded } = await import(${JSON.stringify(module)});
    const dataDir = ${JSON.stringify(dataDir)};
    ${script}`;
  const child = spawn(process.execPath, ["--input-type=module", "--eval", source], {
    cwd: fileURLToPath(new URL("../..", import.meta.url)),
    stdio: ["ignore", "pipe", "pipe"],
  });
  onTestFinished(() => {
    child.kill("SIGKILL");
  });
  return child;
}
