import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { createClient } from "@connectrpc/connect";
import { afterAll, beforeAll, describe, expect, inject, test } from "vitest";
import { EntryScope, EntryStatus } from "../../gen/audit/v1/entry_pb.ts";
import { ProofService } from "../../gen/audit/v1/proof_service_pb.ts";
import { VerificationError } from "../../src/client/verify/fault.ts";
import { Verifier } from "../../src/client/verify/verifier.ts";
import { createCheckpoints, type TestCheckpoints } from "../support/checkpoints.ts";
import { runCli } from "../support/cli.ts";
import { createDatabase, type TestDatabase } from "../support/postgres.ts";
import { refusal } from "../support/refusal.ts";
import { backUpLogs, execute } from "../support/rollback.ts";
import { newId, startTestServer, type TestServer } from "../support/server.ts";

const recheckMs = 50;

/** A platform admin's clients. */
async function admin(server: TestServer) {
  const clients = server.clients(await server.jwt({ role: "platform_admin" }));
  return { ...clients, proofs: createClient(ProofService, clients.transport) };
}
type Admin = Awaited<ReturnType<typeof admin>>;

async function recordMany({ audit }: Admin, teamId: string, count: number): Promise<void> {
  const entries = Array.from({ length: count }, () => ({ teamId, action: "create" }));
  const { results } = await audit.recordBatch({ entries });
  expect(results.map(({ outcome }) => outcome.case)).toEqual(entries.map(() => "entry"));
}

const contradicts = (signed: number, size: number) => ({
  code: "data_loss",
  reason: "LOG_CONTRADICTS_CHECKPOINT",
  metadata: { signed_size: String(signed), size: String(size) },
});

async function readiness({ url }: TestServer): Promise<{ status: number; body: string }> {
  const answer = await fetch(`${url}/readyz`);
  return { status: answer.status, body: await answer.text() };
}

async function metric({ url }: TestServer, name: string): Promise<number> {
  const text = await (await fetch(`${url}/metrics`)).text();
  return Number(new RegExp(`^${name} (\\S+)$`, "m").exec(text)?.[1]);
}

const alarmsOf = ({ logs }: TestServer) =>
  logs.map((line) => JSON.parse(line)).filter(({ msg }) => /contradicts what was signed/.test(msg));

describe("a server that starts on a restored database", () => {
  const cleanup = new AsyncDisposableStack();
  afterAll(() => cleanup.disposeAsync());
  const [rolledBack, sound] = [newId("team"), newId("team")];
  let server: TestServer;
  let client: Admin;

  beforeAll(async () => {
    const database = cleanup.use(await createDatabase());
    const checkpoints = cleanup.use(await createCheckpoints());
    const options = { database, env: checkpoints.env, overrides: { recheckMs } };
    {
      await using before = await startTestServer(options);
      const early = await admin(before);
      await recordMany(early, rolledBack, 4);
      await recordMany(early, sound, 4);
      const backup = await backUpLogs(database);
      await recordMany(early, rolledBack, 3);
      await recordMany(early, sound, 3);
      // Not even asked for: what was recorded is signed when the server closes, if not before.
      await before.close();
      await backup.restore(rolledBack);
    }
    server = cleanup.use(await startTestServer(options));
    client = await admin(server);
  });

  test("raises the alarm in its log, its readiness and its metrics, naming no team in public", async () => {
    expect(alarmsOf(server)).toEqual([
      expect.objectContaining({
        level: 50,
        teamId: rolledBack.replace("team-", ""),
        kind: "shorter",
        signedSize: "7",
        size: "4",
        signedRoot: expect.stringMatching(/=$/),
        root: expect.stringMatching(/=$/),
      }),
    ]);
    const { status, body } = await readiness(server);
    expect(status).toBe(503);
    expect(JSON.parse(body)).toMatchObject({
      reasons: ["checkpoints: 1 log(s) contradict what was signed"],
    });
    expect(await metric(server, "annals_refused_logs")).toBe(1);
    expect(await metric(server, "annals_checkpoint_conflicts_total")).toBe(1);
  });

  test("records nothing in that log, by whatever call, and goes on with others", async () => {
    const entry = { teamId: rolledBack, action: "create" };
    const refused = contradicts(7, 4);
    expect(await refusal(client.audit.record({ entry }))).toMatchObject(refused);
    expect(await refusal(client.audit.record({ entry, withProof: true }))).toMatchObject(refused);
    const { results } = await client.audit.recordBatch({
      entries: [entry, { ...entry, teamId: sound }, entry],
    });
    expect(results.map(({ outcome }) => outcome.case)).toEqual(["error", "entry", "error"]);
    const { keys } = client;
    const key = { teamId: rolledBack, name: "deploy" };
    expect(await refusal(keys.createApiKey(key))).toMatchObject(refused);
    expect((await keys.listApiKeys({ teamId: rolledBack })).apiKeys).toEqual([]);
    const { entries } = await client.audit.list({ teamId: rolledBack });
    expect(entries).toHaveLength(4);
    await keys.createApiKey({ ...key, teamId: sound });
  });

  test("signs nothing for that log, and still shows what is there", async () => {
    const { proofs } = client;
    expect(await refusal(proofs.getCheckpoint({ teamId: rolledBack }))).toMatchObject(
      contradicts(7, 4),
    );
    const { hashes } = await proofs.getConsistencyProof({ teamId: rolledBack, fromSize: 3n });
    expect(hashes.length).toBeGreaterThan(0);
    expect((await proofs.getCheckpoint({ teamId: sound })).checkpoint).toContain(sound);
  });
});

describe("a server under which the database is restored", () => {
  test("takes not one append to a log that is shorter than what it has signed", async () => {
    await using database = await createDatabase();
    await using checkpoints = await createCheckpoints();
    await using server = await startTestServer({ database, env: checkpoints.env });
    const client = await admin(server);
    const [rolledBack, sound] = [newId("team"), newId("team")];
    await recordMany(client, rolledBack, 4);
    const backup = await backUpLogs(database);
    await recordMany(client, rolledBack, 6);
    await client.proofs.getCheckpoint({ teamId: rolledBack });
    await backup.restore(rolledBack);
    const calls = Array.from({ length: 50 }, (_, i) => {
      const teamId = i % 2 === 0 ? rolledBack : sound;
      return client.audit.record({ entry: { teamId, action: "create" } });
    });
    const outcomes = await Promise.allSettled(calls);
    for (const [i, outcome] of outcomes.entries()) {
      expect(outcome.status).toBe(i % 2 === 0 ? "rejected" : "fulfilled");
      if (outcome.status === "fulfilled") continue;
      expect(await refusal(Promise.reject(outcome.reason))).toMatchObject(contradicts(10, 4));
    }
    expect((await client.audit.list({ teamId: rolledBack })).entries).toHaveLength(4);
    expect((await readiness(server)).status).toBe(503);
    expect(alarmsOf(server)).toHaveLength(1);
  });

  test.each([
    ["is shorter", 1, 5],
    ["has grown past what was signed, with other entries", 6, 10],
  ])("refuses a log that %s, once it has lost its sessions", async (_, more, size) => {
    await using database = await createDatabase();
    await using checkpoints = await createCheckpoints();
    const backup = `${database.name}_backup`;
    const administrate = (...statements: string[]) => execute(inject("postgresUrl"), ...statements);
    const [rolledBack, sound] = [newId("team"), newId("team")];
    {
      await using early = await startTestServer({ database });
      const client = await admin(early);
      await recordMany(client, rolledBack, 4);
      await recordMany(client, sound, 4);
    }
    await administrate(`CREATE DATABASE ${backup} TEMPLATE ${database.name}`);
    await using server = await startTestServer({ database, env: checkpoints.env });
    const client = await admin(server);
    await recordMany(client, rolledBack, 5);
    await client.proofs.getCheckpoint({ teamId: rolledBack });
    await client.proofs.getCheckpoint({ teamId: sound });
    {
      // Somebody without the checkpoint store writes to the restored database.
      const url = database.url.replace(database.name, backup);
      await using others = await startTestServer({ database: { url } });
      await recordMany(await admin(others), rolledBack, more);
    }
    await administrate(
      `DROP DATABASE ${database.name} WITH (FORCE)`,
      `ALTER DATABASE ${backup} RENAME TO ${database.name}`,
    );
    await expect
      .poll(() => metric(server, "annals_refused_logs"), { timeout: 20_000 })
      .toBeGreaterThan(0);
    const entry = { teamId: rolledBack, action: "create" };
    expect(await refusal(client.audit.record({ entry }))).toMatchObject(contradicts(9, size));
    await client.audit.record({ entry: { ...entry, teamId: sound } });
  });
});

describe("annals accept-rollback", () => {
  const cleanup = new AsyncDisposableStack();
  afterAll(() => cleanup.disposeAsync());
  let database: TestDatabase;
  let checkpoints: TestCheckpoints;
  let cwd: string;
  beforeAll(async () => {
    database = cleanup.use(await createDatabase());
    checkpoints = cleanup.use(await createCheckpoints());
    cwd = await mkdtemp(join(tmpdir(), "annals-"));
    cleanup.defer(() => rm(cwd, { recursive: true }));
  });

  const annals = (...args: string[]) =>
    runCli(["accept-rollback", ...args], {
      cwd,
      env: { ...checkpoints.env, DATABASE_URL: database.url },
    });

  test("is the way on: recorded, with the evidence kept, for all replicas as they run", async () => {
    const options = { database, env: checkpoints.env, overrides: { recheckMs } };
    await using first = await startTestServer(options);
    await using second = await startTestServer(options);
    const [one, other] = [await admin(first), await admin(second)];
    const teamId = newId("team");
    const team = teamId.replace("team-", "");
    await recordMany(one, teamId, 4);
    const backup = await backUpLogs(database);
    await recordMany(other, teamId, 3);
    const { checkpoint: seen, verifierKey } = await other.proofs.getCheckpoint({ teamId });
    const verifier = new Verifier({ keys: [verifierKey] });
    const prove =
      ({ proofs }: Admin) =>
      async (fromSize: bigint, toSize: bigint) =>
        (await proofs.getConsistencyProof({ teamId, fromSize, toSize })).hashes;
    await verifier.remember(await verifier.verifyCheckpoint(seen, teamId), prove(other));
    await backup.restore(teamId);
    // One that has signed it, and one that only knows from the store.
    const refused = contradicts(7, 4);
    for (const { proofs } of [other, one]) {
      expect(await refusal(proofs.getCheckpoint({ teamId }))).toMatchObject(refused);
    }
    expect((await readiness(first)).status).toBe(503);
    expect((await readiness(second)).status).toBe(503);

    expect(await annals("--team", teamId)).toMatchObject({
      code: 2,
      stderr: expect.stringContaining("--yes"),
    });
    expect((await one.audit.list({ teamId })).entries).toHaveLength(4);
    const accepted = await annals("--team", teamId, "--yes", "--reason", "disk lost, ticket 17");
    expect(accepted).toMatchObject({ code: 0, stderr: "" });
    expect(accepted.stdout).toContain(`${teamId} is shorter than what was signed\n  signed 7 `);
    expect(accepted.stdout).toContain(`accepted ${teamId}; recorded as entry 5, log-`);

    for (const server of [first, second]) {
      await expect.poll(async () => (await readiness(server)).status).toBe(200);
      expect(await metric(server, "annals_refused_logs")).toBe(0);
    }
    await recordMany(one, teamId, 1);
    await recordMany(other, teamId, 1);
    const { checkpoint } = await one.proofs.getCheckpoint({ teamId });
    expect(checkpoint).toMatch(`/${teamId}\n7\n`);
    const { entry } = await one.audit.get({ teamId, key: { case: "sequence", value: 5n } });
    expect(entry).toMatchObject({
      recorder: { type: "annals" },
      actor: { id: "system" },
      action: "accept_rollback",
      resource: { type: "audit_log" },
      scope: EntryScope.ADMIN,
      status: EntryStatus.ERROR,
      metadata: {
        signed_size: "7",
        signed_root: seen.split("\n")[2],
        found_size: "4",
        found_root: expect.stringMatching(/^\S{43}=$/),
        reason: "disk lost, ticket 17",
      },
    });
    // Whoever saw the checkpoint that was given up still has the proof of it.
    const next = await verifier.verifyCheckpoint(checkpoint, teamId);
    const verdict = await verifier.remember(next, prove(one)).catch((error: unknown) => error);
    expect(verdict).toBeInstanceOf(VerificationError);
    expect((verdict as VerificationError).evidence).toEqual({ first: seen, second: checkpoint });
    expect(kept()).toContainEqual({
      team_id: team,
      size: 7,
      note: seen,
      reason: "disk lost, ticket 17",
    });
    expect(await annals("--team", teamId, "--yes")).toMatchObject({
      code: 0,
      stdout: expect.stringContaining("nothing to accept"),
    });
    expect((await one.audit.list({ teamId })).entries).toHaveLength(7);
  });

  /** What the store keeps of heads that were given up. */
  function kept() {
    const store = new DatabaseSync(join(checkpoints.directory, "checkpoints.sqlite"));
    const rows = store.prepare("SELECT team_id, size, note, reason FROM superseded_heads").all();
    store.close();
    return rows.map((row) => ({ ...row }));
  }

  test("accepts all teams' logs at once, but for one whose head is not that of its entries", async () => {
    const teams = [newId("team"), newId("team"), newId("team")];
    const [first = "", second = "", damaged = ""] = teams;
    {
      await using server = await startTestServer({ database, env: checkpoints.env });
      const client = await admin(server);
      for (const teamId of teams) await recordMany(client, teamId, 4);
      const backup = await backUpLogs(database);
      for (const teamId of teams) await recordMany(client, teamId, 4);
      for (const teamId of teams) await client.proofs.getCheckpoint({ teamId });
      await backup.restore(...teams);
    }
    await execute(
      database.url,
      `UPDATE control_plane.audit_log_heads SET frontier = sha256(frontier)
       WHERE team_id = '${damaged.replace("team-", "")}'`,
    );
    const { code, stdout, stderr } = await annals("--all-teams", "--yes");
    expect(code).toBe(1);
    for (const teamId of teams) expect(stdout).toContain(teamId);
    for (const teamId of [first, second]) expect(stdout).toContain(`accepted ${teamId}`);
    expect(stderr).toContain(`${damaged} was not accepted: its head is not that of its entries`);
    await using server = await startTestServer({ database, env: checkpoints.env });
    const { proofs } = await admin(server);
    for (const teamId of [first, second]) {
      expect((await proofs.getCheckpoint({ teamId })).checkpoint).toMatch(`/${teamId}\n5\n`);
    }
    expect(await refusal(proofs.getCheckpoint({ teamId: damaged }))).toMatchObject({
      reason: "LOG_CONTRADICTS_CHECKPOINT",
    });
  });

  test("says so of a log that was never signed and whose head is not that of its entries", async () => {
    const teamId = newId("team");
    {
      const env = { ...checkpoints.env, CHECKPOINT_INTERVAL_SECONDS: "0" };
      await using server = await startTestServer({ database, env });
      await recordMany(await admin(server), teamId, 4);
    }
    await execute(
      database.url,
      `UPDATE control_plane.audit_log_heads SET frontier = sha256(frontier)
       WHERE team_id = '${teamId.replace("team-", "")}'`,
    );
    const { code, stderr } = await annals("--team", teamId, "--yes");
    expect(code).toBe(1);
    expect(stderr).toContain("its head is not that of its entries");
  });

  test.each([
    ["without a team", ["--yes"]],
    ["with a team and all teams", ["--team", newId("team"), "--all-teams"]],
    ["with a team that is none", ["--team", "team-1"]],
    ["with a reason that is too long", ["--all-teams", "--reason", "x".repeat(1_025)]],
  ])("is refused %s", async (_, args) => {
    expect(await annals(...args)).toMatchObject({ code: 2, stdout: "" });
  });

  test("makes no store where there is none", async () => {
    const directory = join(cwd, "elsewhere");
    const env = { ...checkpoints.env, CHECKPOINT_STORE: directory, DATABASE_URL: database.url };
    const outcome = await runCli(["accept-rollback", "--all-teams"], { cwd, env });
    expect(outcome).toMatchObject({ code: 1, stderr: expect.stringContaining("there is no") });
    await expect(rm(directory)).rejects.toThrow("ENOENT");
  });
});
