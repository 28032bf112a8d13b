import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { base64, fromBase64 } from "../../src/log/base64.ts";
import { checkpointOrigin, formatCheckpoint } from "../../src/log/checkpoint.ts";
import type { Entry } from "../../src/log/entry.ts";
import { extendLogs } from "../../src/log/extend.ts";
import { leafText } from "../../src/log/leaf.ts";
import { Frontier, foldHashes } from "../../src/log/merkle.ts";
import { formatVerifierKey, parseNote } from "../../src/log/note.ts";
import {
  type InclusionProof,
  inclusionPath,
  ProofError,
  verifyInclusion,
} from "../../src/log/proof.ts";
import { sha256 } from "../../src/log/sha256.ts";
import { formatSigningKey, makeSigningKey, signNote } from "../../src/log/signing-key.ts";
import { arbitraryEntry } from "../support/arbitrary-entry.ts";
import { newTeam } from "../support/new-entry.ts";
import { type OpenSsl, openOpenSsl, partsOfNote } from "../support/openssl.ts";
import { type Claim, sigstoreAccepts } from "../support/sigstore.ts";
import { partsOf } from "../support/verifier-key.ts";
import { arbitrarySizes, syntheticInclusion } from "./synthetic-proof.ts";

/** What Annals writes, checked by code that is not ours: `@sigstore/verify` and `openssl`. */

const teamId = newTeam();
const keyName = "audit.example.com";
const key = makeSigningKey(keyName);
const vkey = formatVerifierKey(key.verifier);
const origin = checkpointOrigin(keyName, teamId);
const logSize = 300;

/** A log of entries as they are recorded, with the hashes of its tree's complete subtrees. */
const frontier = new Frontier(sha256);
const subtrees = new Map<string, Uint8Array>();
/** Signed checkpoints, by the log's size. */
const notes: string[] = [];
const roots: Uint8Array[] = [];
const log: readonly Entry[] = fc
  .sample(arbitraryEntry(teamId), { numRuns: logSize, seed: 3 })
  .flatMap((entry, index) => {
    const ends = new Map([[teamId, { lastRecordTime: undefined, frontier }]]);
    const { appended } = extendLogs([entry], ends, [], 1_700_000_000_000 + index);
    return appended;
  });

beforeAll(() => {
  const tree = new Frontier(sha256);
  for (const [index, { leafHash }] of log.entries()) {
    subtrees.set(`0/${index}`, leafHash);
    tree.append(leafHash, (node) => subtrees.set(`${node.height}/${node.index}`, node.hash));
    roots[index + 1] = tree.root();
    notes[index + 1] = signed(tree.size, tree.root());
  }
});

function signed(size: bigint, root: Uint8Array): string {
  return signNote(key, formatCheckpoint({ origin, size, root }));
}

/** What a server answers to a call for an inclusion proof. */
function proofOf(leafIndex: bigint, treeSize: bigint): InclusionProof {
  const hashes = inclusionPath(leafIndex, treeSize).map((span) =>
    foldHashes(
      sha256,
      span.map((node) => subtrees.get(`${node.height}/${node.index}`) ?? Buffer.of()),
    ),
  );
  return { leafIndex, treeSize, hashes };
}

function claimOf(index: number, size: number): Claim {
  const entry = log[index];
  const note = notes[size];
  if (!entry || note === undefined) throw new Error(`no entry ${index} of ${size}`);
  return { leaf: leafText(entry), ...proofOf(BigInt(index), BigInt(size)), note };
}

/** Whether our own arithmetic says so, given the root of a checkpoint. */
function oursAccepts({ leaf, leafIndex, hashes }: Claim, treeSize: bigint, root: Uint8Array) {
  const leafHash = sha256(Buffer.of(0), Buffer.from(leaf));
  try {
    verifyInclusion(sha256, leafHash, { leafIndex, treeSize, hashes }, root);
    return true;
  } catch (error) {
    if (error instanceof ProofError) return false;
    throw error;
  }
}

const flipped = (bytes: Uint8Array, at: number, bits = 1) =>
  Buffer.from(bytes).fill((bytes[at] ?? 0) ^ bits, at, at + 1);

const place = fc
  .tuple(fc.integer({ min: 1, max: logSize }), fc.nat())
  .map(([size, at]) => ({ size, index: at % size }));

describe("@sigstore/verify", () => {
  test("finds each entry of a log included in what its checkpoints sign, at every size", () => {
    const refused: string[] = [];
    for (let size = 1; size <= logSize; size++) {
      for (const index of new Set([0, 1, size >> 1, size - 2, size - 1])) {
        if (index < 0 || index >= size) continue;
        if (!sigstoreAccepts(claimOf(index, size), vkey)) refused.push(`${index}/${size}`);
      }
    }
    for (let index = 0; index < logSize; index++) {
      if (!sigstoreAccepts(claimOf(index, logSize), vkey)) refused.push(`${index}`);
    }
    expect(refused).toEqual([]);
  });

  test("finds leaves included in trees of up to 2^63 - 1", () => {
    fc.assert(
      fc.property(arbitrarySizes, fc.constantFrom(...log), ({ low, high }, entry) => {
        const leaf = Buffer.from(entry.leafHash);
        const { root, ...proof } = syntheticInclusion(low - 1n, high, leaf);
        const claim = { ...proof, leaf: leafText(entry), note: signed(high, root) };
        expect(sigstoreAccepts(claim, vkey)).toBe(true);
        expect(sigstoreAccepts({ ...claim, note: signed(high, leaf) }, vkey)).toBe(high === 1n);
      }),
      { numRuns: 200 },
    );
  });

  test("refuses a log that signs with another key, and one of another name", () => {
    const claim = claimOf(7, 20);
    expect(sigstoreAccepts(claim, vkey)).toBe(true);
    const otherKey = formatVerifierKey(makeSigningKey(keyName).verifier);
    expect(sigstoreAccepts(claim, otherKey)).toBe(false);
    const { publicKey } = makeSigningKey(keyName).verifier;
    const { verifier } = key;
    expect(sigstoreAccepts(claim, formatVerifierKey({ ...verifier, publicKey }))).toBe(false);
    const name = "other.example.com";
    expect(sigstoreAccepts(claim, formatVerifierKey({ ...verifier, name }))).toBe(false);
  });

  test("refuses a proof with any byte of its hashes changed, as ours does", () => {
    fc.assert(
      fc.property(place, fc.nat(), fc.integer({ min: 1, max: 255 }), ({ size, index }, at, by) => {
        const claim = claimOf(index, size);
        fc.pre(claim.hashes.length > 0);
        const which = at % claim.hashes.length;
        const hash = claim.hashes[which] ?? Buffer.of();
        const changed = {
          ...claim,
          hashes: claim.hashes.with(which, flipped(hash, at % hash.length, by)),
        };
        expect(sigstoreAccepts(changed, vkey)).toBe(false);
        expect(oursAccepts(changed, BigInt(size), roots[size] ?? Buffer.of())).toBe(false);
      }),
      { numRuns: 500 },
    );
  });

  test("refuses an entry with any byte of its leaf changed, and every other entry", () => {
    const claim = claimOf(7, 20);
    expect(claim.leaf.length).toBeGreaterThan(100);
    for (let at = 0; at < claim.leaf.length; at++) {
      const changed = { ...claim, leaf: `${claim.leaf.slice(0, at)}~${claim.leaf.slice(at + 1)}` };
      expect(sigstoreAccepts(changed, vkey)).toBe(claim.leaf[at] === "~");
    }
    for (const [index, entry] of log.entries()) {
      const other = { ...claim, leaf: leafText(entry) };
      expect(sigstoreAccepts(other, vkey)).toBe(index === 7);
    }
  });

  test("refuses a checkpoint with any byte changed, unless base64 does not say what it says", () => {
    const claim = claimOf(7, 20);
    const accepted: number[] = [];
    for (let at = 0; at < claim.note.length; at++) {
      const character = claim.note[at] === "x" ? "y" : "x";
      const note = `${claim.note.slice(0, at)}${character}${claim.note.slice(at + 1)}`;
      if (sigstoreAccepts({ ...claim, note }, vkey)) accepted.push(at);
    }
    // Theirs reads stray bits and missing padding; ours is strict, so that each note is one text.
    for (const at of accepted) expect(claim.note.slice(at)).toMatch(/^.{0,2}\n$/);
  });

  test("agrees with ours on every proof, true or false", () => {
    const hash = fc.constantFrom(...log).map((entry) => entry.leafHash);
    const verdicts = { true: 0, false: 0 };
    fc.assert(
      fc.property(
        place,
        place,
        fc.constantFrom("nothing", "index", "leaf", "size", "longer", "shorter", "exchanged"),
        hash,
        ({ size, index }, other, change, extra) => {
          const claim = claimOf(index, size);
          const { hashes } = claim;
          const at = other.index % (hashes.length + 1);
          const changed = {
            nothing: claim,
            index: { ...claim, leafIndex: BigInt(other.index) },
            leaf: { ...claim, leaf: claimOf(other.index, other.size).leaf },
            size: { ...claim, note: notes[other.size] ?? "" },
            longer: { ...claim, hashes: hashes.toSpliced(at, 0, extra) },
            shorter: { ...claim, hashes: hashes.toSpliced(at, 1) },
            exchanged: { ...claim, hashes: [...hashes.slice(at), ...hashes.slice(0, at)] },
          }[change];
          const treeSize = change === "size" ? other.size : size;
          const theirs = sigstoreAccepts(changed, vkey);
          expect(theirs).toBe(oursAccepts(changed, BigInt(treeSize), roots[treeSize] as Buffer));
          verdicts[`${theirs}`]++;
        },
      ),
      { numRuns: 1_000 },
    );
    expect(verdicts.true).toBeGreaterThan(50);
    expect(verdicts.false).toBeGreaterThan(50);
  });
});

describe("openssl", () => {
  let openssl: OpenSsl;

  beforeAll(async () => {
    openssl = await openOpenSsl();
  });
  afterAll(() => openssl[Symbol.asyncDispose]());

  test("verifies the signatures of checkpoints, by the verifier key", async () => {
    for (const size of [1, 2, 255, 256, 257, logSize]) {
      const { text, signature } = partsOfNote(notes[size] ?? "");
      expect(parseNote(notes[size] ?? "").text).toBe(text);
      expect(await openssl.verifies(text, signature, vkey)).toBe(true);
    }
  });

  test("refuses another text, another signature and another key", async () => {
    const { text, signature } = partsOfNote(notes[20] ?? "");
    const next = partsOfNote(notes[21] ?? "");
    expect(await openssl.verifies(text, signature, vkey)).toBe(true);
    expect(await openssl.verifies(next.text, signature, vkey)).toBe(false);
    expect(await openssl.verifies(text, next.signature, vkey)).toBe(false);
    expect(await openssl.verifies(text.slice(0, -1), signature, vkey)).toBe(false);
    expect(await openssl.verifies(text.replace("\n20\n", "\n21\n"), signature, vkey)).toBe(false);
    for (const at of [0, 31, 32, 63]) {
      expect(await openssl.verifies(text, flipped(signature, at), vkey)).toBe(false);
    }
    const other = formatVerifierKey(makeSigningKey(keyName).verifier);
    expect(await openssl.verifies(text, signature, other)).toBe(false);
  });

  test("makes of our private key the same public key, and the same signatures", async () => {
    const seed = fromBase64(formatSigningKey(key).split("+").slice(4).join("+"))?.subarray(1);
    const pkcs8 = Buffer.concat([
      Buffer.from("302e020100300506032b657004220420", "hex"),
      seed ?? Buffer.of(),
    ]);
    const { directory } = openssl;
    await writeFile(
      join(directory, "private"),
      `-----BEGIN PRIVATE KEY-----\n${base64(pkcs8)}\n-----END PRIVATE KEY-----\n`,
    );
    const output = await openssl.run("pkey", "-in", "private", "-pubout");
    expect(output.replaceAll(/-----.*-----|\n/g, "")).toBe(partsOf(vkey).der.toString("base64"));
    const { text, signature } = partsOfNote(notes[logSize] ?? "");
    await writeFile(join(directory, "text"), text);
    const files = ["-inkey", "private", "-in", "text", "-out", "signed"];
    await openssl.run("pkeyutl", "-sign", "-rawin", ...files);
    expect(await readFile(join(directory, "signed"))).toEqual(signature);
  });
});
