import { randomBytes, randomUUID } from "node:crypto";
import { create } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { type AuditEntry, AuditEntrySchema, DetailsState } from "../../gen/audit/v1/entry_pb.ts";
import { recordedEntry } from "../../src/client/recorded-entry.ts";
import { formatCheckpoint } from "../../src/log/checkpoint.ts";
import { detailsDigest, leafHash } from "../../src/log/leaf.ts";
import { Frontier, foldHashes, nodeHash } from "../../src/log/merkle.ts";
import { formatVerifierKey } from "../../src/log/note.ts";
import { frontierNodes, inclusionPath, type Node } from "../../src/log/proof.ts";
import { sha256 } from "../../src/log/sha256.ts";
import { makeSigningKey, type SigningKey, signNote } from "../../src/log/signing-key.ts";

/** A small log that no server keeps, with all that proves it. */
export interface SignedLog {
  readonly teamId: string;
  readonly origin: string;
  readonly verifierKey: string;
  /** From the first one on that the log still holds. */
  readonly entries: readonly AuditEntry[];
  /** Entries before those, and the frontier of their tree. */
  readonly pruned: bigint;
  readonly frontier: readonly Uint8Array[];
  readonly size: bigint;
  /** The signed note over a prefix, or all. */
  checkpoint(size?: bigint): string;
  /** Of an entry in the whole log. */
  inclusion(sequence: bigint): { leafIndex: bigint; hashes: Uint8Array[] };
}

/** What is particular about a log. */
export interface SignedLogOptions {
  readonly pruned?: bigint;
  readonly key?: SigningKey;
  readonly teamId?: string;
  /** Changes an entry, before its hashes are taken. */
  readonly change?: (entry: AuditEntry, position: number) => void;
}

/** Makes a log of so many entries behind those that were pruned. */
export function signedLog(count: number, options: SignedLogOptions = {}): SignedLog {
  const { pruned = 0n, key = makeSigningKey("audit.example.com"), change } = options;
  const teamId = options.teamId ?? `team-${randomUUID()}`;
  const origin = `${key.verifier.name}/${teamId}`;
  const before = frontierNodes(pruned);
  const frontier = before.map(() => randomBytes(32));
  const entries = Array.from({ length: count }, (_, i) => {
    const entry = newEntry(teamId, pruned + BigInt(i + 1));
    change?.(entry, i + 1);
    return hashed(entry);
  });
  const size = pruned + BigInt(count);

  const hashOf = ({ height, index }: Node): Uint8Array => {
    const known = before.findIndex((node) => node.height === height && node.index === index);
    if (known >= 0) return frontier[known] as Uint8Array;
    if (height === 0) return entries[Number(index - pruned)]?.leafHash as Uint8Array;
    const children = [0n, 1n].map((side) =>
      hashOf({ height: height - 1, index: 2n * index + side }),
    );
    return nodeHash(sha256, children[0] as Uint8Array, children[1] as Uint8Array);
  };
  return {
    ...{ teamId, origin, entries, pruned, frontier, size },
    verifierKey: formatVerifierKey(key.verifier),
    checkpoint(upTo = size) {
      const tree = new Frontier(sha256, pruned, frontier);
      for (const { leafHash: leaf, sequence } of entries) if (sequence <= upTo) tree.append(leaf);
      return signNote(key, formatCheckpoint({ origin, size: upTo, root: tree.root() }));
    },
    inclusion(sequence) {
      const leafIndex = sequence - 1n;
      const path = inclusionPath(leafIndex, size);
      return {
        leafIndex,
        hashes: path.map((span) => new Uint8Array(foldHashes(sha256, span.map(hashOf)))),
      };
    },
  };
}

/** Gives an entry the digest and leaf hash of what it says. */
export function hashed(entry: AuditEntry): AuditEntry {
  const { details } = recordedEntry(entry);
  entry.detailsDigest = new Uint8Array(detailsDigest(sha256, entry.detailsSalt, details));
  entry.leafHash = new Uint8Array(leafHash(sha256, recordedEntry(entry)));
  return entry;
}

function newEntry(teamId: string, sequence: bigint): AuditEntry {
  return create(AuditEntrySchema, {
    id: `log-${randomUUID()}`,
    teamId,
    sequence,
    recorder: { type: "service", id: "billing" },
    actor: { type: 1, id: `usr-${randomUUID()}`, name: "Ada Lovelace" },
    resource: { type: "sandbox", id: `sb-${randomUUID()}` },
    action: "create",
    scope: 1,
    status: 1,
    metadata: { n: Number(sequence % 1000n), list: [1.5, null, "ü"] },
    recordTime: timestampFromMs(Date.UTC(2026, 2, 1, 12)),
    detailsState: DetailsState.PRESENT,
    detailsSalt: randomBytes(32),
    detailsDigest: new Uint8Array(32),
    leafHash: new Uint8Array(32),
  });
}
