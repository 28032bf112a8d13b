import { createPublicKey } from "node:crypto";
// Not among the package's exports: what its verifier calls for an entry of a log, checking the
// signature of a checkpoint and the inclusion proof under it.
import { verifyTLogInclusion } from "@sigstore/verify/dist/tlog/index.js";
import { partsOf } from "./verifier-key.ts";

/** What is to be checked: a leaf's text, where it is said to be, and a signed checkpoint. */
export interface Claim {
  readonly leaf: string;
  readonly leafIndex: bigint;
  readonly hashes: readonly Uint8Array[];
  readonly note: string;
}

type TLogEntry = Parameters<typeof verifyTLogInclusion>[0];
type TLogAuthority = Parameters<typeof verifyTLogInclusion>[1][number];

/** Whether `@sigstore/verify` says that the claim is true of a log that signs with this key. */
export function sigstoreAccepts({ leaf, leafIndex, hashes, note }: Claim, vkey: string): boolean {
  const { name, id, der } = partsOf(vkey);
  const authority: TLogAuthority = {
    baseURL: name,
    logID: id,
    publicKey: createPublicKey({ key: der, format: "der", type: "spki" }),
    validFor: { start: new Date(0), end: new Date(8.64e15) },
  };
  const entry: TLogEntry = {
    logIndex: String(leafIndex),
    logId: { keyId: id },
    kindVersion: { kind: "annals", version: "1" },
    integratedTime: "0",
    inclusionPromise: undefined,
    inclusionProof: {
      logIndex: String(leafIndex),
      // Its verifier takes size and root from the signed checkpoint, not from here.
      treeSize: "0",
      rootHash: Buffer.of(),
      hashes: hashes.map((hash) => Buffer.from(hash)),
      checkpoint: { envelope: note },
    },
    canonicalizedBody: Buffer.from(leaf),
  };
  try {
    verifyTLogInclusion(entry, [authority]);
    return true;
  } catch (error) {
    if (error instanceof Error && error.name === "VerificationError") return false;
    throw error;
  }
}
