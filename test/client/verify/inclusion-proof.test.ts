import { describe, expect, test } from "vitest";
import type { AuditEntry } from "../../../gen/audit/v1/entry_pb.ts";
import type { InclusionProof } from "../../../src/log/proof.ts";
import { sha256 } from "../../../src/log/sha256.ts";
import { at, everyField, refusal, signedLog } from "./signed-log.ts";

const log = signedLog(6);
const full = log.append(everyField);
for (let n = 0; n < 4; n++) log.append();
const verifier = log.verifier();
const checkpoint = await log.checkpoint();

const fault = async (call: () => unknown) => (await refusal(call)).fault;
const verify = (entry: AuditEntry, proof: InclusionProof) =>
  verifier.verifyEntry(entry, proof, checkpoint);

describe("an inclusion proof", () => {
  const proof = log.inclusion(full.sequence);
  const { hashes, leafIndex, treeSize } = proof;
  const [first = new Uint8Array(), second = new Uint8Array(), ...others] = hashes;

  test.each([
    ["with a hash too many", { hashes: [...hashes, first] }, "proof_wrong_length"],
    ["with a hash missing", { hashes: hashes.slice(1) }, "proof_wrong_length"],
    ["with no hashes", { hashes: [] }, "proof_wrong_length"],
    ["with two hashes swapped", { hashes: [second, first, ...others] }, "proof_root_mismatch"],
    [
      "with a short hash",
      { hashes: [first.subarray(1), second, ...others] },
      "proof_malformed_hash",
    ],
    ["with its hashes as one", { hashes: [Buffer.concat(hashes)] }, "proof_malformed_hash"],
    ["of the position before", { leafIndex: leafIndex - 1n }, "sequence_mismatch"],
    ["of the entry's sequence", { leafIndex: leafIndex + 1n }, "sequence_mismatch"],
    ["of a smaller tree", log.inclusion(full.sequence, treeSize - 1n), "size_mismatch"],
    ["of a larger tree", { treeSize: treeSize + 1n }, "size_mismatch"],
    ["of an empty tree", { treeSize: 0n }, "size_mismatch"],
    ["of a tree above 2^53", { treeSize: 2n ** 53n + 1n }, "size_mismatch"],
  ])("%s is refused", async (_, change, expected) => {
    expect(await fault(() => verify(full, { ...proof, ...change }))).toBe(expected);
  });

  test("of another entry is refused", async () => {
    for (const { sequence } of log.entries.filter((entry) => entry !== full)) {
      const other = { ...log.inclusion(sequence), leafIndex };
      expect(await fault(() => verify(full, other))).toMatch(
        /^proof_(root_mismatch|wrong_length)$/,
      );
    }
  });

  test("beyond the checkpoint is out of range", async () => {
    const beyond = { ...log.entry(6n), sequence: checkpoint.size + 1n };
    const claim = { leafIndex: checkpoint.size, treeSize, hashes };
    expect(await fault(() => verify(beyond, claim))).toBe("proof_out_of_range");
  });

  test("of sequence 0 is of a malformed entry", async () => {
    const zero = { ...full, sequence: 0n };
    expect(await fault(() => verify(zero, { ...proof, leafIndex: -1n }))).toBe("entry_malformed");
  });

  test("against the checkpoint of another team's log is refused", async () => {
    const other = signedLog(Number(treeSize), log.key);
    const theirs = await other.checkpoint();
    const claim = { ...theirs, teamId: log.teamId };
    expect(await fault(() => verifier.verifyEntry(full, proof, theirs))).toBe("wrong_team");
    expect(await fault(() => verifier.verifyEntry(full, proof, claim))).toBe("proof_root_mismatch");
  });

  test("above 2^53 is verified without loss", async () => {
    const sequence = 2n ** 53n + 2n;
    const entry = { ...at(log.entries, 0), sequence };
    const root = sha256(Uint8Array.of(1), sha256(), entry.leafHash);
    const huge = { ...checkpoint, size: sequence, root };
    // Leaf 2^53 + 1 of 2^53 + 2: its sibling, then the complete subtree of all before.
    const sibling = sha256(Uint8Array.of(2));
    const pair = sha256(Uint8Array.of(1), sibling, entry.leafHash);
    const whole = { ...huge, root: sha256(Uint8Array.of(1), sha256(), pair) };
    const path = { leafIndex: sequence - 1n, treeSize: sequence, hashes: [sibling, sha256()] };
    verifier.verifyEntry(entry, path, whole);
    expect(await fault(() => verifier.verifyEntry(entry, path, huge))).toBe("proof_root_mismatch");
    const off = { ...path, leafIndex: sequence - 2n };
    expect(await fault(() => verifier.verifyEntry(entry, off, whole))).toBe("sequence_mismatch");
  });
});
