import { type Client, Code, ConnectError, createClient } from "@connectrpc/connect";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { EntryScope } from "../../../gen/audit/v1/entry_pb.ts";
import { ProofService } from "../../../gen/audit/v1/proof_service_pb.ts";
import { volatileMemory } from "../../../src/client/checkpoint-memory.ts";
import type { VerifiedCheckpoint } from "../../../src/client/verify/checkpoint.ts";
import { Verifier } from "../../../src/client/verify/verifier.ts";
import type { LogWalk } from "../../../src/client/verify/walk.ts";
import { createCheckpoints, type TestCheckpoints } from "../../support/checkpoints.ts";
import { newId, startTestServer, type TestClients, type TestServer } from "../../support/server.ts";
import { refusal } from "./signed-log.ts";

const cleanup = new AsyncDisposableStack();
let checkpoints: TestCheckpoints;
let server: TestServer;
let teamId: string;
beforeAll(async () => {
  checkpoints = cleanup.use(await createCheckpoints());
  server = cleanup.use(await startTestServer({ env: checkpoints.env }));
});
beforeEach(() => {
  teamId = newId("team");
});
afterAll(() => cleanup.disposeAsync());

/** Someone who reads a log and trusts nothing but a key. */
class Reader {
  readonly audit: TestClients["audit"];
  readonly #proofs: Client<typeof ProofService>;
  readonly verifier: Verifier;

  constructor({ audit, transport }: TestClients, memory = volatileMemory()) {
    this.audit = audit;
    this.#proofs = createClient(ProofService, transport);
    this.verifier = new Verifier({ keys: [checkpoints.verifierKey], memory });
  }

  /** The server's checkpoint, which must follow the one remembered. */
  async checkpoint(): Promise<VerifiedCheckpoint> {
    const { checkpoint: note } = await this.#proofs.getCheckpoint({ teamId });
    const checkpoint = await this.verifier.verifyCheckpoint(note, teamId);
    await this.verifier.remember(checkpoint, async (fromSize, toSize) => {
      const asked = this.#proofs.getConsistencyProof({ teamId, fromSize, toSize });
      const proof = await asked.catch((error: unknown) => {
        if (ConnectError.from(error).code === Code.OutOfRange) return undefined;
        throw error;
      });
      return proof?.hashes;
    });
    return checkpoint;
  }

  /** Walks on to the log's head, or to a size. */
  async walkOn(walk: LogWalk, size = 2n ** 63n): Promise<LogWalk> {
    const start = { case: "beginning", value: {} } as const;
    const stream = this.audit.stream({ teamId, start, stopAtHead: true, withheld: true });
    for await (const { entries, withheld } of stream) {
      const positions = [...entries, ...withheld]
        .filter(({ sequence }) => sequence > walk.size && sequence <= size)
        .sort((a, b) => Number(a.sequence - b.sequence));
      for (const position of positions) {
        if (position.$typeName === "audit.v1.AuditEntry") walk.addEntry(position);
        else walk.addWithheld(position);
      }
    }
    return walk;
  }

  inclusion(sequence: bigint, treeSize: bigint) {
    return this.#proofs.getInclusionProof({
      teamId,
      key: { case: "sequence", value: sequence },
      treeSize,
    });
  }
}

const reader = async (role: "member" | "admin") =>
  new Reader(server.clients(await server.jwt({ role, teamId })));

/** Records entries, every third for admins only and every fourth without details. */
async function record({ audit }: Reader, count: number): Promise<string[]> {
  const entries = Array.from({ length: count }, (_, n) => ({
    action: "create",
    resource: { type: "sandbox", ...(n % 4 === 0 ? {} : { name: `runner ${n}` }) },
    scope: n % 3 === 0 ? EntryScope.ADMIN : EntryScope.TEAM,
    ...(n % 4 === 0 ? {} : { metadata: { n, text: "\u{1f986} é", list: [null, 0.5, -1e21] } }),
  }));
  const { results } = await audit.recordBatch({ entries });
  return results.map(({ outcome }) => (outcome.case === "entry" ? outcome.value.id : ""));
}

describe("a walk over a server's log", () => {
  test("opens every entry to an admin, and comes to the signed root", async () => {
    const admin = await reader("admin");
    await record(admin, 450);
    await record(admin, 150);
    const walk = await admin.walkOn(admin.verifier.walk(teamId));
    const report = walk.finish(await admin.checkpoint());
    expect(report).toMatchObject({ opened: 600, withheld: 0, erased: 0, state: { size: 600n } });
  });

  test("comes to the same root for a member, who gets the hashes of what is not its", async () => {
    const admin = await reader("admin");
    await record(admin, 300);
    const member = await reader("member");
    const walk = await member.walkOn(member.verifier.walk(teamId));
    expect(walk.finish(await member.checkpoint())).toMatchObject({ opened: 200, withheld: 100 });
  });

  test("goes on when the log has grown, consistent with what was remembered", async () => {
    const admin = await reader("admin");
    const walk = admin.verifier.walk(teamId);
    for (const [size, count] of [
      [3, 3],
      [260, 257],
      [300, 40],
    ] as const) {
      await record(admin, count);
      const checkpoint = await admin.checkpoint();
      await admin.walkOn(walk, checkpoint.size);
      expect(walk.finish(checkpoint).opened).toBe(size);
    }
  });

  test("knows what was erased, for a member too", async () => {
    const admin = await reader("admin");
    const ids = await record(admin, 30);
    const erase = [2, 3, 5, 29].map((n) => ids[n] ?? "");
    expect((await admin.audit.erase({ teamId, ids: erase })).erasedSequences).toHaveLength(4);
    const walk = await admin.walkOn(admin.verifier.walk(teamId));
    expect(walk.finish(await admin.checkpoint())).toMatchObject({ opened: 31, erased: 4 });
    const member = await reader("member");
    const theirs = await member.walkOn(member.verifier.walk(teamId));
    expect(theirs.finish(await member.checkpoint())).toMatchObject({ opened: 21, erased: 3 });
  });

  test("finds behind its checkpoint why an entry was erased while it read", async () => {
    const admin = await reader("admin");
    const ids = await record(admin, 10);
    const checkpoint = await admin.checkpoint();
    await admin.audit.erase({ teamId, ids: ids.slice(5, 6) });
    const walk = await admin.walkOn(admin.verifier.walk(teamId), checkpoint.size);
    expect((await refusal(() => walk.finish(checkpoint))).fault).toBe("erasure_unexplained");
    await admin.walkOn(walk);
    expect(walk.finish(await admin.checkpoint())).toMatchObject({ opened: 11, erased: 1 });
  });
});

test("each entry that a member reads is proved alone", async () => {
  const admin = await reader("admin");
  await record(admin, 20);
  const member = await reader("member");
  const checkpoint = await member.checkpoint();
  const { entries } = await member.audit.list({ teamId });
  expect(entries).toHaveLength(13);
  for (const entry of entries) {
    const proof = await member.inclusion(entry.sequence, checkpoint.size);
    member.verifier.verifyEntry(entry, proof, checkpoint);
  }
});
