import { randomBytes } from "node:crypto";
import {
  ProofError,
  type ProofFault,
  verifyConsistency,
  verifyInclusion,
} from "../../src/log/proof.ts";
import { sha256 } from "../../src/log/sha256.ts";
import type { Consistency, Inclusion } from "./synthetic-proof.ts";

/** What is wrong with forged proofs, and ways to forge them. */

/** Why ours refuses it; undefined if it passes. Anything but a ProofError is thrown on. */
function refusal(verify: () => void): ProofFault | undefined {
  try {
    verify();
    return undefined;
  } catch (error) {
    if (error instanceof ProofError) return error.fault;
    throw error;
  }
}

/** Why an inclusion proof is refused; undefined if it passes. */
export const inclusionFault = ({ leaf, root, ...proof }: Inclusion) =>
  refusal(() => verifyInclusion(sha256, leaf, proof, root));

/** Why a consistency proof is refused; undefined if it passes. */
export const consistencyFault = ({ fromRoot, toRoot, ...proof }: Consistency) =>
  refusal(() => verifyConsistency(sha256, proof, fromRoot, toRoot));

/** All ways in which one byte of these hashes can be wrong, each time with another bit. */
export function* withOneByteWrong(hashes: readonly Uint8Array[]): Generator<Uint8Array[]> {
  for (const [at, hash] of hashes.entries()) {
    for (let byte = 0; byte < hash.length; byte++) {
      const wrong = Uint8Array.from(hash);
      wrong[byte] = (wrong[byte] ?? 0) ^ (1 << (byte % 8));
      yield hashes.with(at, wrong);
    }
  }
}

/** Other lists of hashes: one too many, one too few, in another order. */
export function* otherLists(hashes: readonly Uint8Array[]): Generator<Uint8Array[]> {
  for (let at = 0; at <= hashes.length; at++) {
    yield hashes.toSpliced(at, 0, randomBytes(32));
    if (at < hashes.length) yield hashes.toSpliced(at, 1);
  }
  for (let at = 1; at < hashes.length; at++) {
    const [left, right] = hashes.slice(at - 1, at + 1);
    if (left && right) yield hashes.with(at - 1, right).with(at, left);
  }
  if (hashes.length > 1) {
    yield [];
    yield hashes.toReversed();
    yield [...hashes, ...hashes];
  }
}
