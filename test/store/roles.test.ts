import { randomBytes } from "node:crypto";
import pg from "pg";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { requireCurrentSchema } from "../../src/store/migrate.ts";
import { createRoles, requireServiceRights } from "../../src/store/roles.ts";
import { createDatabase, type TestDatabase } from "../support/postgres.ts";

const TEAM = "11111111-1111-4111-8111-111111111111";
const HASH = Buffer.alloc(32, 7);
const DENIED = "42501";
const REFUSED = "23001";

let database: TestDatabase;
let superuser: pg.Client;
let service: pg.Client;
let maintenance: pg.Client;

async function connectAs(group: string): Promise<pg.Client> {
  const user = `annals_test_user_${randomBytes(6).toString("hex")}`;
  const password = randomBytes(16).toString("hex");
  await superuser.query(`CREATE ROLE ${user} LOGIN PASSWORD '${password}' IN ROLE ${group}`);
  const url = new URL(database.url);
  url.username = user;
  url.password = password;
  const client = new pg.Client({ connectionString: url.href });
  await client.connect();
  return client;
}

async function disconnect(client: pg.Client): Promise<void> {
  const user = client.user;
  await client.end();
  await superuser.query(`DROP ROLE ${user}`);
}

function append(client: pg.Client, sequence: number): Promise<pg.QueryResult> {
  return client.query(
    `INSERT INTO control_plane.audit_logs (
       id, team_id, sequence, recorder_type, recorder_id, actor_type, actor_id, actor_name,
       resource_type, resource_id, resource_name, action, scope, status, metadata, ip_address,
       user_agent, request_id, trace_id, record_time,
       details_state, details_salt, details_digest, leaf_hash)
     VALUES (gen_random_uuid(), $1, $2, 'service', 'billing', 'user', 'usr-1', 'Ada',
       'sandbox', 'sb-1', 'build', 'create', 'team', 'success', '{"a": 1}', '192.0.2.1',
       'curl', 'req', 'trace', now(), 'present', $3, $3, $3)`,
    [TEAM, sequence, HASH],
  );
}

const ERASE = `
  UPDATE control_plane.audit_logs
  SET actor_name = NULL, resource_name = NULL, metadata = NULL, ip_address = NULL,
      user_agent = NULL, request_id = NULL, trace_id = NULL,
      details_state = 'erased', details_salt = NULL
  WHERE sequence = 1`;

beforeAll(async () => {
  database = await createDatabase();
  superuser = new pg.Client({ connectionString: database.url });
  await superuser.connect();
  const connection = { connectionString: database.url };
  // Twice and at once: it may be repeated, and replicas may race.
  await Promise.all([createRoles(connection), createRoles(connection)]);
  service = await connectAs("annals_service");
  maintenance = await connectAs("annals_maintenance");
});

afterAll(async () => {
  await disconnect(service);
  await disconnect(maintenance);
  await superuser.end();
  await database.drop();
});

beforeEach(async () => {
  await superuser.query(`
    BEGIN;
    ALTER TABLE control_plane.audit_logs DISABLE TRIGGER USER;
    DELETE FROM control_plane.audit_logs;
    ALTER TABLE control_plane.audit_logs ENABLE ALWAYS TRIGGER audit_logs_append_only;
    ALTER TABLE control_plane.audit_logs ENABLE ALWAYS TRIGGER audit_logs_no_truncate;
    DELETE FROM control_plane.audit_log_heads;
    INSERT INTO control_plane.audit_log_heads (team_id, size) VALUES ('${TEAM}', 300);
    COMMIT`);
  for (const sequence of [1, 2, 3]) await append(superuser, sequence);
});

function connectionOf({ host, port, user, password, database: name }: pg.Client): pg.ClientConfig {
  return { host, port, user: user ?? "", password: password ?? "", database: name ?? "" };
}

describe("the service's role", () => {
  test("is refused by a server that it would keep from writing, by the tables' names", async () => {
    const connection = connectionOf(service);
    await superuser.query("REVOKE INSERT ON control_plane.audit_log_counts FROM annals_service");
    try {
      await expect(requireServiceRights(connection)).rejects.toThrow(
        "may not insert into audit_log_counts; run: annals migrate roles",
      );
    } finally {
      await createRoles({ connectionString: database.url });
    }
    await requireServiceRights(connection);
  });

  test("can do what an append, a read and a key need", async () => {
    await requireCurrentSchema(connectionOf(service));
    await requireServiceRights(connectionOf(service));
    await service.query("BEGIN");
    await service.query(
      `INSERT INTO control_plane.audit_log_heads (team_id) VALUES ($1)
       ON CONFLICT DO NOTHING`,
      [TEAM],
    );
    await service.query("SELECT FROM control_plane.audit_log_heads FOR UPDATE");
    await append(service, 4);
    await service.query("INSERT INTO control_plane.audit_log_tiles VALUES ($1, 0, 0, $2, $3)", [
      TEAM,
      Buffer.alloc(8192),
      HASH,
    ]);
    await service.query(
      "INSERT INTO control_plane.audit_log_counts VALUES ($1, now(), 32, '{32,0,0,0,0,0,0,0}')",
      [TEAM],
    );
    await service.query(
      "UPDATE control_plane.audit_log_heads SET size = 4, frontier = $1, counts[1] = 4",
      [HASH],
    );
    await service.query(
      `INSERT INTO control_plane.api_keys
         (team_id, id, name, secret_hash, secret_hint, create_time)
       VALUES ($1, gen_random_uuid(), 'ci', $2, 'abc', now())`,
      [TEAM, HASH],
    );
    await service.query("UPDATE control_plane.api_keys SET last_use_time = now()");
    for (const table of [
      "audit_logs",
      "audit_log_heads",
      "audit_log_tiles",
      "audit_log_counts",
      "api_keys",
    ]) {
      const { rowCount } = await service.query(`SELECT * FROM control_plane.${table}`);
      expect(rowCount).toBeGreaterThan(0);
    }
    await service.query("ROLLBACK");
  });

  test("sees when other sessions' transactions began", async () => {
    await superuser.query("BEGIN");
    await superuser.query("SELECT");
    const { rows } = await service.query(
      "SELECT xact_start IS NOT NULL AS seen FROM pg_stat_activity WHERE usename = $1 AND datname = $2 AND state = 'idle in transaction'",
      [superuser.user, database.name],
    );
    await superuser.query("ROLLBACK");
    expect(rows).toEqual([{ seen: true }]);
  });

  test("erases details by the function for it, each entry's once, and nothing else", async () => {
    await superuser.query(
      `ALTER TABLE control_plane.audit_logs DISABLE TRIGGER USER;
       UPDATE control_plane.audit_logs SET recorder_type = 'annals', action = 'erase_details'
       WHERE sequence = 2;
       ALTER TABLE control_plane.audit_logs ENABLE ALWAYS TRIGGER audit_logs_append_only`,
    );
    const erase = async (team: string, sequences: (number | null)[] | null) => {
      const { rows } = await service.query<{ sequence: string }>(
        "SELECT sequence FROM control_plane.erase_details($1, $2) AS sequence",
        [team, sequences],
      );
      return rows.map(({ sequence }) => Number(sequence));
    };
    const state = async () => {
      const { rows } = await superuser.query<{ line: string }>(
        `SELECT concat_ws(' ', sequence, details_state, actor_name, details_salt IS NULL, action)
           AS line
         FROM control_plane.audit_logs ORDER BY sequence`,
      );
      return rows.map(({ line }) => line);
    };
    expect(await erase("22222222-2222-4222-8222-222222222222", [1, 2, 3])).toEqual([]);
    expect(await erase(TEAM, null)).toEqual([]);
    expect(await erase(TEAM, [])).toEqual([]);
    expect(await erase(TEAM, [null, 1, 1, 2, 99])).toEqual([1]);
    expect(await erase(TEAM, [1, 2])).toEqual([]);
    expect(await state()).toEqual([
      "1 erased t create",
      "2 present Ada f erase_details",
      "3 present Ada f create",
    ]);
  });

  test.each([
    ["change an entry", "UPDATE control_plane.audit_logs SET action = 'nothing'"],
    ["erase details but by the function for it", ERASE],
    ["delete an entry", "DELETE FROM control_plane.audit_logs"],
    ["truncate the entries", "TRUNCATE control_plane.audit_logs"],
    ["lock an entry", "SELECT FROM control_plane.audit_logs FOR UPDATE"],
    ["switch the trigger off", "ALTER TABLE control_plane.audit_logs DISABLE TRIGGER ALL"],
    ["skip triggers", "SET session_replication_role = 'replica'"],
    ["drop the table", "DROP TABLE control_plane.audit_logs"],
    ["delete a head", "DELETE FROM control_plane.audit_log_heads"],
    ["change a tile", "UPDATE control_plane.audit_log_tiles SET level = 1"],
    ["change a count", "UPDATE control_plane.audit_log_counts SET size = 1"],
    ["delete a count", "DELETE FROM control_plane.audit_log_counts"],
    ["count a log anew", `SELECT control_plane.count_log('${TEAM}')`],
    ["delete a key", "DELETE FROM control_plane.api_keys"],
    ["forget a migration", "DELETE FROM control_plane.migrations"],
    ["make a table", "CREATE TABLE control_plane.mine ()"],
  ])("cannot %s", async (_, sql) => {
    await expect(service.query(sql)).rejects.toMatchObject({ code: DENIED });
  });
});

describe("the maintenance role", () => {
  test("erases details, once", async () => {
    expect((await maintenance.query(ERASE)).rowCount).toBe(1);
    const { rows } = await superuser.query(
      `SELECT details_state, details_salt, actor_name, action, details_digest
       FROM control_plane.audit_logs WHERE sequence = 1`,
    );
    expect(rows).toEqual([
      {
        details_state: "erased",
        details_salt: null,
        actor_name: null,
        action: "create",
        details_digest: HASH,
      },
    ]);
    await expect(maintenance.query(ERASE)).rejects.toMatchObject({ code: REFUSED });
  });

  test("prunes what is below the retention floor and no more", async () => {
    const prune = "DELETE FROM control_plane.audit_logs WHERE sequence <= 2";
    await expect(maintenance.query(prune)).rejects.toMatchObject({ code: REFUSED });
    await maintenance.query("UPDATE control_plane.audit_log_heads SET first_sequence = 2");
    await expect(maintenance.query(prune)).rejects.toMatchObject({
      code: REFUSED,
      detail: expect.stringContaining("Entry 2"),
    });
    await maintenance.query("UPDATE control_plane.audit_log_heads SET first_sequence = 3");
    expect((await maintenance.query(prune)).rowCount).toBe(2);
  });

  test("does not raise the floor past the last full tile, whose leaves the next one needs", async () => {
    const raise = (floor: number) =>
      maintenance.query(`UPDATE control_plane.audit_log_heads SET first_sequence = ${floor}`);
    await expect(raise(258)).rejects.toMatchObject({ code: "23514" });
    await raise(257);
  });

  test("counts a log anew", async () => {
    await maintenance.query("SELECT control_plane.count_log($1)", [TEAM]);
    const { rows } = await superuser.query("SELECT counts FROM control_plane.audit_log_heads");
    expect(rows).toEqual([{ counts: ["3", "0", "0", "0", "0", "0", "0", "0"] }]);
  });

  test.each([
    ["append an entry", "INSERT INTO control_plane.audit_logs DEFAULT VALUES"],
    ["change what is not a detail", "UPDATE control_plane.audit_logs SET action = 'nothing'"],
    ["replace a digest", "UPDATE control_plane.audit_logs SET details_digest = leaf_hash"],
    ["change a log's size", "UPDATE control_plane.audit_log_heads SET size = 9"],
    ["change a count", "UPDATE control_plane.audit_log_counts SET size = 1"],
    ["truncate the entries", "TRUNCATE control_plane.audit_logs"],
    ["make a key", "INSERT INTO control_plane.api_keys DEFAULT VALUES"],
    ["use the service's function", `SELECT control_plane.erase_details('${TEAM}', '{1}')`],
  ])("cannot %s", async (_, sql) => {
    await expect(maintenance.query(sql)).rejects.toMatchObject({ code: DENIED });
  });

  test.each([
    ["rewrite a detail", "SET actor_name = 'Eve'"],
    ["null a detail alone", "SET actor_name = NULL"],
    ["replace a salt", "SET details_salt = details_digest || ''"],
    ["say that details are erased when they are not", "SET details_state = 'erased'"],
    ["say that there never were any", "SET details_state = 'none'"],
    ["touch nothing", "SET actor_name = actor_name"],
    [
      "leave a detail behind",
      `SET actor_name = NULL, resource_name = NULL, metadata = NULL,
       ip_address = NULL, user_agent = NULL, request_id = NULL, details_salt = NULL,
       details_state = 'erased'`,
    ],
    [
      "keep the salt",
      `SET actor_name = NULL, resource_name = NULL, metadata = NULL,
       ip_address = NULL, user_agent = NULL, request_id = NULL, trace_id = NULL,
       details_state = 'erased'`,
    ],
  ])("cannot %s", async (_, set) => {
    await expect(
      maintenance.query(`UPDATE control_plane.audit_logs ${set} WHERE sequence = 1`),
    ).rejects.toMatchObject({ code: REFUSED, message: expect.stringContaining("append-only") });
  });
});

describe("a superuser", () => {
  test.each([
    ["change an entry", "UPDATE control_plane.audit_logs SET action = 'nothing'"],
    ["change an entry while erasing it", ERASE.replace("SET", "SET action = 'nothing',")],
    ["move an entry", "UPDATE control_plane.audit_logs SET sequence = 9 WHERE sequence = 3"],
    ["delete an entry", "DELETE FROM control_plane.audit_logs WHERE sequence = 3"],
    ["truncate the entries", "TRUNCATE control_plane.audit_logs"],
    [
      "upsert over an entry",
      `INSERT INTO control_plane.audit_logs
       SELECT * FROM control_plane.audit_logs
       ON CONFLICT (team_id, sequence) DO UPDATE SET action = 'nothing'`,
    ],
  ])("cannot %s", async (_, sql) => {
    await expect(superuser.query(sql)).rejects.toMatchObject({
      code: REFUSED,
      message: expect.stringContaining("append-only"),
    });
    await expect(
      superuser.query(`BEGIN; SET LOCAL session_replication_role = 'replica'; ${sql}`),
    ).rejects.toMatchObject({ code: REFUSED });
    await superuser.query("ROLLBACK");
  });

  test("deletes nothing of a team without a head", async () => {
    await superuser.query("DELETE FROM control_plane.audit_log_heads");
    await expect(superuser.query("DELETE FROM control_plane.audit_logs")).rejects.toMatchObject({
      code: REFUSED,
    });
  });
});
