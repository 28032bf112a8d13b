import { createClient } from "@connectrpc/connect";
import fc from "fast-check";
import { expect, test } from "vitest";
import { ProofService } from "../../gen/audit/v1/proof_service_pb.ts";
import { recordedEntry } from "../../src/client/recorded-entry.ts";
import type { TeamId } from "../../src/ids.ts";
import { append } from "../../src/store/append.ts";
import { openPools } from "../../src/store/pool.ts";
import { definedLeafText } from "../log/defined-leaf.ts";
import { arbitraryEntry } from "../support/arbitrary-entry.ts";
import { createCheckpoints } from "../support/checkpoints.ts";
import { openOpenSsl, partsOfNote } from "../support/openssl.ts";
import { createDatabase } from "../support/postgres.ts";
import { newId, startTestServer } from "../support/server.ts";
import { sigstoreAccepts } from "../support/sigstore.ts";

test("what a server proves is accepted by others' verifiers, and nothing else is", async () => {
  await using database = await createDatabase();
  await using checkpoints = await createCheckpoints();
  await using openssl = await openOpenSsl();
  const { verifierKey } = checkpoints;
  const teamId = newId("team");
  const uuid = teamId.slice("team-".length) as TeamId;
  const pools = openPools(
    { connection: { connectionString: database.url }, singleSession: false },
    1,
    (error) => expect.fail(error.message),
  );
  try {
    // Over a tile and a half, so that proofs are read from tiles and from leaves.
    await append(pools.write, fc.sample(arbitraryEntry(uuid), 380));
  } finally {
    await pools.close();
  }

  await using server = await startTestServer({ database, env: checkpoints.env });
  const { audit, transport } = server.clients(await server.jwt({ role: "owner", teamId }));
  const proofs = createClient(ProofService, transport);
  const { checkpoint: note } = await proofs.getCheckpoint({});
  const { text, signature } = partsOfNote(note);
  expect(text.split("\n").slice(0, 2)).toEqual([`audit.example.com/${teamId}`, "380"]);
  expect(await openssl.verifies(text, signature, verifierKey)).toBe(true);
  expect(await openssl.verifies(text.replace("380", "381"), signature, verifierKey)).toBe(false);

  const entries = [];
  for await (const message of audit.stream({
    start: { case: "beginning", value: {} },
    stopAtHead: true,
  })) {
    entries.push(...message.entries);
  }
  expect(entries).toHaveLength(380);
  const wrong: bigint[] = [];
  for (const entry of entries) {
    const key = { case: "sequence", value: entry.sequence } as const;
    const { leafIndex, hashes } = await proofs.getInclusionProof({ key, treeSize: 380n });
    // The leaf by its definition, of what was received.
    const leaf = definedLeafText({ ...recordedEntry(entry) });
    const claim = { leaf, leafIndex, hashes, note };
    if (!sigstoreAccepts(claim, verifierKey)) wrong.push(entry.sequence);
    const changed = { ...claim, leaf: leaf.replace('"v":1', '"v":2') };
    if (sigstoreAccepts(changed, verifierKey)) wrong.push(-entry.sequence);
  }
  expect(wrong).toEqual([]);
}, 60_000);
