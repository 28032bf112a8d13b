import { rm } from "node:fs/promises";
import { createClient } from "@connectrpc/connect";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import type { EntryProof } from "../../gen/audit/v1/audit_service_pb.ts";
import type { AuditEntry } from "../../gen/audit/v1/entry_pb.ts";
import { ProofService } from "../../gen/audit/v1/proof_service_pb.ts";
import { Verifier } from "../../src/client/verify/verifier.ts";
import { createCheckpoints } from "../support/checkpoints.ts";
import { createDataDir } from "../support/data-dir.ts";
import { refusal } from "../support/refusal.ts";
import { newId, startTestServer, type TestServer, transports } from "../support/server.ts";

const cleanup = new AsyncDisposableStack();
afterAll(() => cleanup.disposeAsync());

/** The clients of one caller. */
async function caller(
  server: TestServer,
  claims: Parameters<TestServer["jwt"]>[0],
  transport?: (typeof transports)[number],
) {
  const clients = server.clients(await server.jwt(claims), transport);
  return { ...clients, proofs: createClient(ProofService, clients.transport) };
}

/** Fails the test unless the proof shows that the entry is in its team's log. */
async function expectProved(
  verifierKey: string,
  entry: AuditEntry | undefined,
  proof: EntryProof | undefined,
): Promise<bigint> {
  if (entry === undefined || proof === undefined) throw new Error("there is no proof");
  const verifier = new Verifier({ keys: [verifierKey] });
  const checkpoint = await verifier.verifyCheckpoint(proof.checkpoint, entry.teamId);
  verifier.verifyEntry(entry, { ...proof, treeSize: checkpoint.size }, checkpoint);
  return checkpoint.size;
}

describe.each(["PostgreSQL", "the embedded default"])("on %s", (storage) => {
  let server: TestServer;
  let verifierKey: string;
  let teamId: string;

  beforeAll(async () => {
    if (storage === "PostgreSQL") {
      const checkpoints = cleanup.use(await createCheckpoints());
      ({ verifierKey } = checkpoints);
      server = cleanup.use(await startTestServer({ env: checkpoints.env }));
      return;
    }
    const { path: dataDir } = cleanup.use(await createDataDir());
    server = cleanup.use(await startTestServer({ dataDir }));
    const { proofs } = await caller(server, { role: "platform_admin", teamId: newId("team") });
    ({ verifierKey } = await proofs.getCheckpoint({}));
  });
  beforeEach(() => {
    teamId = newId("team");
  });

  describe.each(transports)("over %s", (transport) => {
    test("a recorded entry is proved at once, and the log's checkpoint verified", async () => {
      const { audit, proofs } = await caller(server, { role: "owner", teamId }, transport);
      const empty = await proofs.getCheckpoint({});
      const verifier = new Verifier({ keys: [verifierKey] });
      expect(await verifier.verifyCheckpoint(empty.checkpoint, teamId)).toMatchObject({ size: 0n });
      await audit.record({ entry: { action: "first", metadata: { n: 1 } } });
      const { entry, proof } = await audit.record({
        entry: { action: "second", resource: { type: "door", name: "Front door" } },
        withProof: true,
      });
      expect(await expectProved(verifierKey, entry, proof)).toBe(2n);
      const { checkpoint, verifierKey: told } = await proofs.getCheckpoint({});
      expect(checkpoint).toBe(proof?.checkpoint);
      expect(told).toBe(verifierKey);
    });
  });

  test("a proof is only sent when it is asked for", async () => {
    const { audit } = await caller(server, { role: "member", teamId });
    const { proof } = await audit.record({ entry: { action: "create" } });
    expect(proof).toBeUndefined();
  });

  test("a call that is repeated is proved too, wherever the log is by then", async () => {
    const { audit } = await caller(server, { role: "member", teamId });
    const entry = { action: "create", id: newId("log") };
    const first = await audit.record({ entry, withProof: true });
    await audit.record({ entry: { action: "more" } });
    const again = await audit.record({ entry, withProof: true });
    await expectProved(verifierKey, again.entry, again.proof);
    expect(again.entry).toEqual(first.entry);
  });

  test("a hundred calls at once are each proved, by few checkpoints", async () => {
    const { audit } = await caller(server, { role: "member", teamId });
    const calls = Array.from({ length: 100 }, (_, i) =>
      audit.record({ entry: { action: "create", metadata: { i } }, withProof: true }),
    );
    const answers = await Promise.all(calls);
    for (const { entry, proof } of answers) {
      const size = await expectProved(verifierKey, entry, proof);
      expect(size).toBeGreaterThanOrEqual(entry?.sequence ?? 0n);
    }
    const notes = new Set(answers.map(({ proof }) => proof?.checkpoint));
    expect(notes.size).toBeLessThan(50);
  });

  test("entries across the border of a tile are proved", async () => {
    const { audit } = await caller(server, { role: "member", teamId });
    const many = Array.from({ length: 254 }, () => ({ action: "fill" }));
    await audit.recordBatch({ entries: many });
    for (let sequence = 255n; sequence <= 258n; sequence++) {
      const { entry, proof } = await audit.record({ entry: { action: "edge" }, withProof: true });
      expect(entry?.sequence).toBe(sequence);
      expect(await expectProved(verifierKey, entry, proof)).toBe(sequence);
    }
  });
});

describe("who may have a checkpoint", () => {
  let server: TestServer;
  const teamId = newId("team");
  beforeAll(async () => {
    const checkpoints = cleanup.use(await createCheckpoints());
    server = cleanup.use(await startTestServer({ env: checkpoints.env }));
  });

  test.each([
    ["a member", { role: "member", teamId }],
    ["a service that may read", { role: "service", grants: ["read"] }],
    ["a platform admin", { role: "platform_admin" }],
  ] as const)("%s, of a team that it may read", async (_, claims) => {
    const { proofs } = await caller(server, claims);
    const { checkpoint } = await proofs.getCheckpoint({ teamId });
    expect(checkpoint).toMatch(`audit.example.com/${teamId}\n0\n`);
  });

  test.each([
    ["of another team", { role: "owner", teamId: newId("team") }, "TEAM_NOT_ALLOWED"],
    ["without the right to read", { role: "service" }, "PERMISSION_MISSING"],
  ] as const)("nobody %s", async (_, claims, reason) => {
    const { proofs } = await caller(server, claims);
    const answer = await refusal(proofs.getCheckpoint({ teamId }));
    expect(answer).toMatchObject({ code: "permission_denied", reason });
  });

  test("nobody of a team that is none", async () => {
    const { proofs } = await caller(server, { role: "platform_admin" });
    for (const wrong of ["team-1", teamId.toUpperCase(), teamId.replace("team", "usr")]) {
      const answer = await refusal(proofs.getCheckpoint({ teamId: wrong }));
      expect(answer).toMatchObject({ code: "invalid_argument", fields: ["team_id"] });
    }
    expect(await refusal(proofs.getCheckpoint({}))).toMatchObject({ fields: ["team_id"] });
  });

  test("a service that may record and not read can have its entries proved", async () => {
    const { audit } = await caller(server, { role: "service" });
    const { proof } = await audit.record({
      entry: { teamId, action: "create" },
      withProof: true,
    });
    expect(proof?.checkpoint).toContain(teamId);
  });
});

test("without a key nothing is signed, nor recorded if it was to be proved", async () => {
  await using server = await startTestServer();
  const teamId = newId("team");
  const { audit, proofs } = await caller(server, { role: "owner", teamId });
  const disabled = { code: "failed_precondition", reason: "CHECKPOINTS_DISABLED" };
  expect(await refusal(proofs.getCheckpoint({}))).toMatchObject(disabled);
  const entry = { action: "create" };
  expect(await refusal(audit.record({ entry, withProof: true }))).toMatchObject(disabled);
  expect((await audit.list({})).entries).toEqual([]);
  // Everything else goes on, proofs between sizes that somebody else has signed among it.
  await audit.recordBatch({ entries: [entry, entry, entry] });
  const { hashes } = await proofs.getConsistencyProof({ fromSize: 2n });
  expect(hashes).toHaveLength(1);
  const warning = server.logs.find((line) => line.includes("no CHECKPOINT_KEY"));
  expect(JSON.parse(warning ?? "{}")).toMatchObject({ level: 40 });
});

test("while the store cannot be used entries are recorded, and proved when asked for again", async () => {
  await using checkpoints = await createCheckpoints();
  await using server = await startTestServer({ env: checkpoints.env });
  const teamId = newId("team");
  const { audit, proofs } = await caller(server, { role: "owner", teamId });
  await rm(checkpoints.directory, { recursive: true });
  const entry = { action: "create", id: newId("log") };
  const unavailable = { code: "unavailable", reason: "CHECKPOINT_UNAVAILABLE", retries: true };
  expect(await refusal(audit.record({ entry, withProof: true }))).toMatchObject(unavailable);
  expect(await refusal(proofs.getCheckpoint({}))).toMatchObject(unavailable);
  const { entry: recorded } = await audit.record({ entry });
  expect(recorded?.sequence).toBe(1n);
  const errors = server.logs.map((line) => JSON.parse(line)).filter(({ level }) => level === 50);
  expect(errors.map(({ msg }) => msg)).toEqual(["logs can be neither signed nor compared"]);
  expect(await (await fetch(`${server.url}/metrics`)).text()).toMatch(
    /^annals_checkpoint_failures_total [1-9]/m,
  );
  expect((await fetch(`${server.url}/readyz`)).status).toBe(200);
});
