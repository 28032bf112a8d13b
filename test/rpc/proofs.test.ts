import { type Client, createClient } from "@connectrpc/connect";
import pg from "pg";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { EntryScope } from "../../gen/audit/v1/entry_pb.ts";
import { ProofService } from "../../gen/audit/v1/proof_service_pb.ts";
import { Frontier } from "../../src/log/merkle.ts";
import { verifyConsistency, verifyInclusion } from "../../src/log/proof.ts";
import { sha256 } from "../../src/log/sha256.ts";
import { createDataDir } from "../support/data-dir.ts";
import { refusal } from "../support/refusal.ts";
import {
  newId,
  startTestServer,
  type TestClients,
  type TestServer,
  type TransportName,
  transports,
} from "../support/server.ts";

type Audit = TestClients["audit"];
type Proofs = Client<typeof ProofService>;

const { TEAM, ADMIN } = EntryScope;
const byId = (value: string) => ({ case: "id", value }) as const;
const at = (value: number | bigint) => ({ case: "sequence", value: BigInt(value) }) as const;

/** The clients of one caller. */
async function caller(
  server: TestServer,
  teamId: string,
  role: "member" | "admin" = "admin",
  transport: TransportName = "node-connect-binary",
): Promise<{ audit: Audit; proofs: Proofs }> {
  const clients = server.clients(await server.jwt({ role, teamId }), transport);
  return { audit: clients.audit, proofs: createClient(ProofService, clients.transport) };
}

async function record(audit: Audit, ...scopes: EntryScope[]): Promise<string[]> {
  const entries = scopes.map((scope, i) => ({ action: `act${i + 1}`, scope }));
  const { results } = await audit.recordBatch({ entries });
  return results.map(({ outcome }) => (outcome.case === "entry" ? outcome.value.id : ""));
}

const many = (count: number) => Array.from({ length: count }, () => TEAM);

const hex = (bytes: Uint8Array = Buffer.of()) => Buffer.from(bytes).toString("hex");

/** The leaf hashes of the whole log, as its admin reads it. */
async function leavesOf(audit: Audit): Promise<Uint8Array[]> {
  const leaves: Uint8Array[] = [];
  const start = { case: "beginning", value: {} } as const;
  for await (const { entries } of audit.stream({ start, stopAtHead: true })) {
    leaves.push(...entries.map(({ leafHash }) => leafHash));
  }
  return leaves;
}

function rootOf(leaves: readonly Uint8Array[], size: bigint): Uint8Array {
  const frontier = new Frontier(sha256);
  for (const leaf of leaves.slice(0, Number(size))) frontier.append(leaf);
  expect(frontier.size).toBe(size);
  return frontier.root();
}

describe.each(["PostgreSQL", "the embedded default"])("on %s", (storage) => {
  const cleanup = new AsyncDisposableStack();
  let server: TestServer;

  beforeAll(async () => {
    if (storage === "PostgreSQL") {
      server = cleanup.use(await startTestServer());
      return;
    }
    const { path: dataDir } = cleanup.use(await createDataDir());
    server = cleanup.use(await startTestServer({ dataDir }));
  });
  afterAll(() => cleanup.disposeAsync());

  test.each(transports)("over %s every entry and every growth is proved", async (transport) => {
    const { audit, proofs } = await caller(server, newId("team"), "admin", transport);
    const ids = await record(audit, ...many(11));
    const leaves = await leavesOf(audit);
    for (const [i, id] of ids.entries()) {
      const index = BigInt(i);
      const latest = await proofs.getInclusionProof({ key: byId(id) });
      expect(latest).toMatchObject({ leafIndex: index, treeSize: 11n });
      expect(hex(latest.leafHash)).toBe(hex(leaves[i]));
      verifyInclusion(sha256, latest.leafHash, latest, rootOf(leaves, 11n));
      const earliest = await proofs.getInclusionProof({ key: at(i + 1), treeSize: index + 1n });
      expect(earliest).toMatchObject({ leafIndex: index, treeSize: index + 1n });
      verifyInclusion(sha256, earliest.leafHash, earliest, rootOf(leaves, index + 1n));

      const fromSize = index + 1n;
      const growth = await proofs.getConsistencyProof({ fromSize });
      expect(growth.toSize).toBe(11n);
      const [fromRoot, toRoot] = [rootOf(leaves, fromSize), rootOf(leaves, 11n)];
      verifyConsistency(sha256, { fromSize, ...growth }, fromRoot, toRoot);
      const none = await proofs.getConsistencyProof({ fromSize, toSize: fromSize });
      expect(none).toMatchObject({ toSize: fromSize, hashes: [] });
    }
  });

  test("proofs taken while appends go on are of trees that the log has had", async () => {
    const { audit, proofs } = await caller(server, newId("team"));
    const [first = ""] = await record(audit, TEAM);
    const stop = new AbortController();
    const writers = Array.from({ length: 3 }, async () => {
      while (!stop.signal.aborted) await record(audit, ...many(40));
    });
    const taken = [];
    try {
      let fromSize = 1n;
      while (fromSize < 800n) {
        const inclusion = await proofs.getInclusionProof({ key: byId(first) });
        const growth = await proofs.getConsistencyProof({ fromSize });
        taken.push({ inclusion, growth: { ...growth, fromSize } });
        // What is in the tree can be proved at once.
        const newest = await proofs.getInclusionProof({ key: at(growth.toSize) });
        expect(newest.treeSize).toBeGreaterThanOrEqual(growth.toSize);
        fromSize = growth.toSize;
      }
    } finally {
      stop.abort();
      await Promise.all(writers);
    }
    const leaves = await leavesOf(audit);
    for (const { inclusion, growth } of taken) {
      verifyInclusion(sha256, inclusion.leafHash, inclusion, rootOf(leaves, inclusion.treeSize));
      const [fromRoot, toRoot] = [rootOf(leaves, growth.fromSize), rootOf(leaves, growth.toSize)];
      verifyConsistency(sha256, growth, fromRoot, toRoot);
    }
  });
});

describe("of one team", () => {
  const cleanup = new AsyncDisposableStack();
  let server: TestServer;
  let teamId: string;
  let admin: { audit: Audit; proofs: Proofs };
  let member: { audit: Audit; proofs: Proofs };

  beforeAll(async () => {
    server = cleanup.use(await startTestServer());
  });
  afterAll(() => cleanup.disposeAsync());
  beforeEach(async () => {
    teamId = newId("team");
    admin = await caller(server, teamId);
    member = await caller(server, teamId, "member");
  });

  /** Runs statements as a superuser, on entries as well. */
  async function tamper(...statements: string[]): Promise<void> {
    const client = new pg.Client({ connectionString: server.databaseUrl });
    await client.connect();
    try {
      const uuid = teamId.slice("team-".length);
      for (const text of statements) await client.query(text.replaceAll("$team", `'${uuid}'`));
    } finally {
      await client.end();
    }
  }

  describe("an admin's entry, to a member", () => {
    test("is answered like one that is not there, by id and by position, at any size", async () => {
      const [, secret = ""] = await record(admin.audit, TEAM, ADMIN, TEAM);
      const { leafHash } = await admin.proofs.getInclusionProof({ key: byId(secret) });
      expect(leafHash).toHaveLength(32);
      const missing = await refusal(
        member.proofs.getInclusionProof({ key: byId(newId("log")), treeSize: 3n }),
      );
      expect(missing).toMatchObject({ code: "not_found", reason: "ENTRY_NOT_FOUND" });
      for (const key of [byId(secret), at(2), at(4), at(2n ** 63n - 1n)]) {
        for (const treeSize of [0n, 1n, 2n, 3n, 4n, 2n ** 53n]) {
          const request = { key, treeSize };
          expect(await refusal(member.proofs.getInclusionProof(request))).toEqual(missing);
        }
      }
    });

    test("does not keep from it the proof of its own, nor of growth", async () => {
      const [own = ""] = await record(admin.audit, TEAM, ADMIN, ADMIN, TEAM);
      const leaves = await leavesOf(admin.audit);
      const proof = await member.proofs.getInclusionProof({ key: byId(own) });
      verifyInclusion(sha256, proof.leafHash, proof, rootOf(leaves, 4n));
      const growth = await member.proofs.getConsistencyProof({ fromSize: 2n });
      const consistency = { fromSize: 2n, ...growth };
      verifyConsistency(sha256, consistency, rootOf(leaves, 2n), rootOf(leaves, 4n));
    });
  });

  test("another team's entry is not there", async () => {
    const other = await caller(server, newId("team"));
    const [id = ""] = await record(other.audit, TEAM, TEAM);
    await record(admin.audit, TEAM);
    for (const key of [byId(id), at(2)]) {
      expect(await refusal(admin.proofs.getInclusionProof({ key }))).toMatchObject({
        code: "not_found",
        reason: "ENTRY_NOT_FOUND",
      });
    }
  });

  test.each([
    ["no key", { case: undefined }, "key"],
    ["an id of something else", byId(newId("team")), "id"],
    ["an id in capitals", byId(newId("log").toUpperCase()), "id"],
    ["an empty id", byId(""), "id"],
    ["position 0", at(0), "sequence"],
    ["position 2^63", at(2n ** 63n), "sequence"],
    ["position 2^64 - 1", at(2n ** 64n - 1n), "sequence"],
  ])("an inclusion proof of %s is refused", async (_, key, field) => {
    await record(admin.audit, TEAM);
    expect(await refusal(admin.proofs.getInclusionProof({ key }))).toMatchObject({
      code: "invalid_argument",
      reason: "INVALID_FIELD",
      fields: [field],
    });
  });

  const beyond = {
    code: "out_of_range",
    reason: "TREE_SIZE_OUT_OF_RANGE",
    metadata: { size: "5" },
  };
  const invalid = (field: string) => ({
    code: "invalid_argument",
    reason: "INVALID_FIELD",
    fields: [field],
  });

  test.each([
    ["below the entry", 2n, invalid("tree_size")],
    ["one beyond the log", 6n, beyond],
    ["of 2^53 + 1", 2n ** 53n + 1n, beyond],
    ["of 2^63 - 1", 2n ** 63n - 1n, beyond],
    ["of 2^63", 2n ** 63n, invalid("tree_size")],
    ["of 2^64 - 1", 2n ** 64n - 1n, invalid("tree_size")],
  ])("an inclusion proof in a tree %s is refused", async (_, treeSize, expected) => {
    const [, , third = ""] = await record(admin.audit, ...many(5));
    for (const key of [byId(third), at(3)]) {
      const request = { key, treeSize };
      expect(await refusal(admin.proofs.getInclusionProof(request))).toMatchObject(expected);
    }
  });

  test.each([
    ["from 0", 0n, 5n, invalid("from_size")],
    ["from 0 to 0", 0n, 0n, invalid("from_size")],
    ["back", 4n, 3n, invalid("to_size")],
    ["back, beyond the log", 9n, 8n, invalid("to_size")],
    ["to one beyond the log", 3n, 6n, beyond],
    ["from beyond the log to its head", 6n, 0n, beyond],
    ["to 2^53 + 1", 3n, 2n ** 53n + 1n, beyond],
    ["within trees of 2^63 - 1", 2n ** 63n - 1n, 2n ** 63n - 1n, beyond],
    ["from 2^63", 2n ** 63n, 0n, invalid("from_size")],
    ["to 2^63", 1n, 2n ** 63n, invalid("to_size")],
    ["to 2^64 - 1", 1n, 2n ** 64n - 1n, invalid("to_size")],
  ])("a consistency proof %s is refused", async (_, fromSize, toSize, expected) => {
    await record(admin.audit, ...many(5));
    const request = { fromSize, toSize };
    expect(await refusal(admin.proofs.getConsistencyProof(request))).toMatchObject(expected);
  });

  test("a log without entries proves nothing", async () => {
    expect(await refusal(admin.proofs.getInclusionProof({ key: at(1) }))).toMatchObject({
      reason: "ENTRY_NOT_FOUND",
    });
    expect(await refusal(admin.proofs.getConsistencyProof({ fromSize: 1n }))).toMatchObject({
      reason: "TREE_SIZE_OUT_OF_RANGE",
      metadata: { size: "0" },
    });
  });

  test("a pruned entry is proved by position, to a member too, and its id is gone", async () => {
    const ids = await record(admin.audit, ADMIN, ...many(299));
    const leaves = await leavesOf(admin.audit);
    await tamper(
      "UPDATE control_plane.audit_log_heads SET first_sequence = 257 WHERE team_id = $team",
      "DELETE FROM control_plane.audit_logs WHERE team_id = $team AND sequence < 257",
    );
    for (const sequence of [1, 2, 256]) {
      for (const treeSize of [0n, 256n, 257n, 300n]) {
        const proof = await member.proofs.getInclusionProof({ key: at(sequence), treeSize });
        expect(hex(proof.leafHash)).toBe(hex(leaves[sequence - 1]));
        verifyInclusion(sha256, proof.leafHash, proof, rootOf(leaves, proof.treeSize));
      }
      const key = byId(ids[sequence - 1] ?? "");
      expect(await refusal(admin.proofs.getInclusionProof({ key }))).toMatchObject({
        reason: "ENTRY_NOT_FOUND",
      });
    }
    const growth = await member.proofs.getConsistencyProof({ fromSize: 3n });
    const consistency = { fromSize: 3n, ...growth };
    verifyConsistency(sha256, consistency, rootOf(leaves, 3n), rootOf(leaves, 300n));
  });

  test("an entry that was taken out of the log is an error, not one that never was", async () => {
    await record(admin.audit, ...many(4));
    await tamper(
      "ALTER TABLE control_plane.audit_logs DISABLE TRIGGER audit_logs_append_only",
      "DELETE FROM control_plane.audit_logs WHERE team_id = $team AND sequence = 2",
      "ALTER TABLE control_plane.audit_logs ENABLE ALWAYS TRIGGER audit_logs_append_only",
    );
    const before = server.logs.length;
    const bare = { code: "internal", reason: "INTERNAL", message: "internal error", metadata: {} };
    for (const key of [at(1), at(2), at(3)]) {
      expect(await refusal(admin.proofs.getInclusionProof({ key }))).toMatchObject(bare);
    }
    const uuid = teamId.slice("team-".length);
    const logged = server.logs.slice(before).join("");
    expect(logged).toContain(`entry 2 of team ${uuid} is missing from its log`);
    expect(logged).toContain(`of the tree of team ${uuid}: it is damaged`);
    expect(await refusal(admin.proofs.getConsistencyProof({ fromSize: 1n }))).toMatchObject(bare);
  });

  test("plain HTTP GET answers too", async () => {
    await record(admin.audit, ...many(3));
    const token = await server.jwt({ role: "member", teamId });
    const get = async (method: string, message: object) => {
      const url = new URL(`${server.url}/audit.v1.ProofService/${method}`);
      const query = { connect: "v1", encoding: "json", message: JSON.stringify(message) };
      url.search = new URLSearchParams(query).toString();
      return (await fetch(url, { headers: { authorization: `Bearer ${token}` } })).json();
    };
    expect(await get("GetInclusionProof", { sequence: "3" })).toMatchObject({
      leafIndex: "2",
      treeSize: "3",
      hashes: [expect.any(String)],
    });
    expect(await get("GetConsistencyProof", { fromSize: "2", toSize: "3" })).toMatchObject({
      toSize: "3",
      hashes: [expect.any(String)],
    });
  });
});
