import { createHash, randomBytes } from "node:crypto";
import pg from "pg";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { ErrorReason } from "../../gen/audit/v1/error_reason_pb.ts";
import { ApiKeyGrant } from "../../gen/audit/v1/key_service_pb.ts";
import { refusal } from "../support/refusal.ts";
import {
  newId,
  startTestServer,
  type TestClients,
  type TestServer,
  transports,
} from "../support/server.ts";

let server: TestServer;
let teamId: string;
let token: string;
let audit: TestClients["audit"];

beforeEach(async () => {
  server = await startTestServer({ overrides: { pollMs: 50, heartbeatMs: 100 } });
  teamId = newId("team");
  token = await server.jwt({ role: "admin", teamId });
  ({ audit } = server.clients(token));
});
afterEach(() => server.close());

async function execute(sql: string): Promise<void> {
  const client = new pg.Client({ connectionString: server.databaseUrl });
  await client.connect();
  try {
    await client.query(sql);
  } finally {
    await client.end();
  }
}

const logged = () => server.logs.map((line) => JSON.parse(line) as Record<string, unknown>);
const errors = () => logged().filter(({ level }) => Number(level) >= 50);
const bare = { code: "internal", reason: "INTERNAL", message: "internal error", metadata: {} };

describe("a failure nobody foresaw is logged whole and answered bare", () => {
  test.each(transports)("over %s", async (transport) => {
    await audit.record({ entry: { action: "create" } });
    await execute("ALTER TABLE control_plane.audit_logs RENAME TO hidden");
    const clients = server.clients(token, transport);
    const get = clients.audit.get({ key: { case: "sequence", value: 1n } });
    expect(await refusal(get)).toEqual({ ...bare, fields: [], retries: false });
    const start = { case: "beginning", value: {} } as const;
    const stream = clients.audit.stream({ start })[Symbol.asyncIterator]();
    expect(await refusal(stream.next())).toMatchObject(bare);

    const failures = errors().filter(({ msg }) => msg === "a call failed");
    expect(failures).toHaveLength(2);
    for (const { err, requestId } of failures) {
      expect(err).toMatchObject({ code: "42P01", stack: expect.stringContaining("audit_logs") });
      expect(requestId).toMatch(/^[0-9a-f-]{36}$/);
    }
  });

  test("under the request's id, which the answer has", async () => {
    await execute("ALTER TABLE control_plane.audit_log_heads RENAME TO hidden");
    const answer = await fetch(`${server.url}/audit.v1.AuditService/List`, {
      method: "POST",
      headers: {
        "content-type": "application/json",
        authorization: `Bearer ${token}`,
        "x-request-id": "from the caller 7",
      },
      body: "{}",
    });
    expect(answer.status).toBe(500);
    expect(answer.headers.get("x-request-id")).toBe("from the caller 7");
    expect(await answer.json()).toMatchObject({ code: "internal", message: "internal error" });
    expect(errors().map(({ requestId }) => requestId)).toEqual(
      errors().map(() => "from the caller 7"),
    );
    expect(errors().length).toBeGreaterThan(0);
  });

  test.each(transports)("in the middle of a stream over %s", async (transport) => {
    await audit.record({ entry: { action: "create" } });
    const stream = server.clients(token, transport).audit.stream({})[Symbol.asyncIterator]();
    expect((await stream.next()).done).toBe(false);
    await execute(`
      ALTER TABLE control_plane.audit_logs RENAME TO hidden;
      UPDATE control_plane.audit_log_heads SET size = size + 1`);
    const end = async () => {
      for (;;) if ((await stream.next()).done) return;
    };
    expect(await refusal(end())).toMatchObject(bare);
    expect(errors()[0]).toMatchObject({ msg: "a call failed", err: { code: "42P01" } });
  });
});

/** Makes the database refuse entries with the action `forbidden`, quoting all that is in them. */
const quoting = `
  CREATE FUNCTION control_plane.quote_row() RETURNS trigger LANGUAGE plpgsql AS $$
  BEGIN
    IF NEW.action = 'forbidden' THEN
      RAISE EXCEPTION 'invalid input syntax for type json: "%"', NEW
        USING ERRCODE = '22P02', DETAIL = NEW.metadata::text, HINT = NEW.actor_name;
    END IF;
    RETURN NEW;
  END $$;
  CREATE TRIGGER quote_row BEFORE INSERT ON control_plane.audit_logs
    FOR EACH ROW EXECUTE FUNCTION control_plane.quote_row();
  ALTER TABLE control_plane.audit_logs ADD CONSTRAINT unchecked CHECK (action <> 'unchecked')`;

describe("an entry that the database refuses though the codec took it", () => {
  test("fails alone, and the others of its transaction are recorded", async () => {
    await execute(quoting);
    const { results } = await audit.recordBatch({
      entries: ["one", "forbidden", "two", "unchecked", "three"].map((action) => ({ action })),
    });
    expect(results.map(({ outcome }) => outcome.value)).toMatchObject([
      { action: "one", sequence: 1n },
      { reason: ErrorReason.INVALID_FIELD, fieldViolations: [{ field: "entry" }] },
      { action: "two", sequence: 2n },
      { reason: ErrorReason.INVALID_FIELD, fieldViolations: [{ field: "entry" }] },
      { action: "three", sequence: 3n },
    ]);
  });
});

test("logs hold no token, key, secret, detail or SQL parameter, whatever happens", async () => {
  await execute(quoting);
  const secrets: string[] = [];
  const plant = (name: string) => {
    const secret = `${name}-${randomBytes(12).toString("hex")}`;
    secrets.push(secret);
    return secret;
  };
  const entry = (action: string) => ({
    action,
    resource: { type: "snapshot", id: "nightly", name: plant("resource") },
    metadata: { [plant("key")]: plant("value") },
    context: {
      ipAddress: "203.0.113.77",
      userAgent: plant("agent"),
      requestId: plant("request"),
      traceId: plant("trace"),
    },
  });
  secrets.push("203.0.113.77");

  const name = plant("actor");
  const jwts = [
    await server.jwt({ role: "owner", teamId, name }),
    await server.jwt({ role: "owner", teamId, name, expiresIn: -1 }),
    await server.jwt({ role: "member", teamId: "team-1", name }),
    "not.a.jwt",
    `annals_${randomBytes(32).toString("base64url")}`,
  ];
  secrets.push(...jwts.slice(0, 3), jwts[4] ?? "");
  for (const jwt of jwts) {
    secrets.push(createHash("sha256").update(jwt).digest("hex"));
    for (const transport of transports) {
      const clients = server.clients(jwt, transport);
      const calls = [
        clients.audit.record({ entry: entry("create") }),
        clients.audit.record({ entry: entry("forbidden") }),
        clients.audit.record({ entry: entry("unchecked") }),
        clients.audit.record({ entry: entry("Not An Action") }),
        clients.audit.recordBatch({ entries: [entry("create"), entry("forbidden")] }),
        clients.audit.list({
          filter: { requestIds: [plant("filter")] },
          pageToken: plant("token"),
        }),
        clients.audit.list({ filter: { actorIds: [plant("filter")] } }),
        clients.audit.get({ key: { case: "id", value: plant("id") } }),
        clients.audit
          .stream({ start: { case: "afterCursor", value: plant("cursor") } })
          [Symbol.asyncIterator]()
          .next(),
        clients.keys
          .createApiKey({ name: plant("key name"), grants: [ApiKeyGrant.READ] })
          .then(({ secret }) => {
            secrets.push(secret);
            const bot = server.clients(secret, transport).audit;
            return Promise.allSettled([bot.list({}), bot.record({ entry: entry("forbidden") })]);
          }),
      ];
      await Promise.allSettled(calls);
    }
    await fetch(`${server.url}/audit.v1.AuditService/Record`, {
      method: "POST",
      headers: { "content-type": "application/json", authorization: `Bearer ${jwt}` },
      body: `{"entry":{"action":"create","metadata":{"a":${plant("malformed")}}}}`,
    });
    const query = new URLSearchParams({
      connect: "v1",
      encoding: "json",
      message: JSON.stringify({ filter: { actions: [plant("query")] } }),
    });
    await fetch(`${server.url}/audit.v1.AuditService/List?${query}`, {
      headers: { authorization: `Bearer ${jwt}` },
    });
  }
  await execute("ALTER TABLE control_plane.audit_logs RENAME TO hidden");
  const broken = server.clients(jwts[0]);
  await Promise.allSettled([
    broken.audit.list({ filter: { requestIds: [plant("broken")] } }),
    broken.audit.record({ entry: entry("create") }, { timeoutMs: 500 }),
  ]);
  await server.close();

  const text = server.logs.join("");
  expect(server.logs.length).toBeGreaterThan(100);
  expect(errors().length).toBeGreaterThan(0);
  expect(secrets.length).toBeGreaterThan(200);
  expect(secrets.filter((secret) => text.includes(secret))).toEqual([]);
});
