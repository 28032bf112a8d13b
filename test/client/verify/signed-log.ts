import { clone, create, isMessage } from "@bufbuild/protobuf";
import { type AuditEntry, AuditEntrySchema, DetailsState } from "../../../gen/audit/v1/entry_pb.ts";
import type { VerifiedCheckpoint } from "../../../src/client/verify/checkpoint.ts";
import { VerificationError } from "../../../src/client/verify/fault.ts";
import { Verifier, type VerifierOptions } from "../../../src/client/verify/verifier.ts";
import { formatTeamId, type TeamId } from "../../../src/ids.ts";
import { checkpointOrigin, formatCheckpoint } from "../../../src/log/checkpoint.ts";
import type { NewEntry } from "../../../src/log/entry.ts";
import { encodeSequences, erasureAction } from "../../../src/log/erasure.ts";
import { extendLogs } from "../../../src/log/extend.ts";
import { Frontier, foldHashes, nodeHash } from "../../../src/log/merkle.ts";
import { formatVerifierKey } from "../../../src/log/note.ts";
import {
  consistencyPath,
  frontierNodes,
  type InclusionProof,
  inclusionPath,
  type Span,
} from "../../../src/log/proof.ts";
import { sha256 } from "../../../src/log/sha256.ts";
import { makeSigningKey, type SigningKey, signNote } from "../../../src/log/signing-key.ts";
import { encodeEntry } from "../../../src/rpc/codec.ts";
import { newEntry, newTeam } from "../../support/new-entry.ts";

/** A team's log in memory, with all that a server would say of it. */
export class SignedLog {
  readonly team: TeamId;
  readonly key: SigningKey;
  /** What a reader gets, by sequence less one. */
  readonly entries: AuditEntry[] = [];
  readonly #frontier = new Frontier(sha256);
  #now = Date.UTC(2026, 2, 1);

  constructor(key = makeSigningKey("audit.example.com"), team = newTeam()) {
    this.key = key;
    this.team = team;
  }

  get teamId(): string {
    return formatTeamId(this.team);
  }

  get size(): bigint {
    return BigInt(this.entries.length);
  }

  get verifierKey(): string {
    return formatVerifierKey(this.key.verifier);
  }

  /** One that knows the log's key. */
  verifier(options: Partial<VerifierOptions> = {}): Verifier {
    return new Verifier({ keys: [this.verifierKey], ...options });
  }

  /** Appends an entry with details, unless others are given. */
  append(changes: Partial<NewEntry> = {}): AuditEntry {
    const details = { actorName: "Ada", metadata: { number: this.entries.length } };
    const entry = { ...newEntry(this.team), details, ...changes };
    const end = { lastRecordTime: undefined, frontier: this.#frontier };
    const { appended } = extendLogs([entry], new Map([[this.team, end]]), [], this.#now++);
    const messages = appended.map((each) => create(AuditEntrySchema, encodeEntry(each)));
    this.entries.push(...messages);
    return at(messages, 0);
  }

  /** Erases details, without saying so. */
  strip(...sequences: bigint[]): void {
    for (const sequence of sequences) {
      const entry = this.entry(sequence);
      this.entries[Number(sequence) - 1] = patched(entry, withoutDetails(entry, "ERASED"));
    }
  }

  /** Erases details and appends the entry that says so. */
  erase(...sequences: bigint[]): AuditEntry {
    this.strip(...sequences);
    return this.append(erasure(...encodeSequences(sequences)));
  }

  entry(sequence: bigint): AuditEntry {
    return at(this.entries, Number(sequence) - 1);
  }

  root(size = this.size): Uint8Array {
    return this.#fold(frontierNodes(size));
  }

  /** The signed checkpoint of a size. */
  note(size = this.size, key = this.key, origin = checkpointOrigin(key.verifier.name, this.team)) {
    return signNote(key, formatCheckpoint({ origin, size, root: this.root(size) }));
  }

  checkpoint(size = this.size): Promise<VerifiedCheckpoint> {
    return this.verifier().verifyCheckpoint(this.note(size), this.teamId);
  }

  inclusion(sequence: bigint, treeSize = this.size): InclusionProof {
    const leafIndex = sequence - 1n;
    const hashes = inclusionPath(leafIndex, treeSize).map((span) => this.#fold(span));
    return { leafIndex, treeSize, hashes };
  }

  consistency(from: bigint, to: bigint): Uint8Array[] {
    return consistencyPath(from, to).map((span) => this.#fold(span));
  }

  #fold(span: Span): Uint8Array {
    return foldHashes(
      sha256,
      span.map(({ height, index }) => this.#node(height, Number(index))),
    );
  }

  #node(height: number, index: number): Uint8Array {
    if (height === 0) return at(this.entries, index).leafHash;
    const left = this.#node(height - 1, 2 * index);
    return nodeHash(sha256, left, this.#node(height - 1, 2 * index + 1));
  }
}

/** A log of as many entries. */
export function signedLog(size: number, key?: SigningKey): SignedLog {
  const log = new SignedLog(key);
  for (let n = 0; n < size; n++) log.append();
  return log;
}

/** What is particular to an entry that has something in every field. */
export const everyField: Partial<NewEntry> = {
  actor: { type: "api_key", id: "key-1" },
  resource: { type: "snapshot", id: "nightly" },
  occurTime: Date.UTC(2026, 1, 28, 23, 59, 59, 999),
  details: {
    actorName: "Ada \u{1f986} \u0007",
    resourceName: "build",
    metadata: { a: [1, null, true, { b: "x" }], "": 0.5, big: 1e21, zero: 0, none: {} },
    ipAddress: "2001:db8::1",
    userAgent: "curl",
    requestId: "r",
    traceId: "t",
  },
};

/** Fields to change, of messages within an entry too; undefined takes one away. */
export type Patch = {
  readonly [Key in keyof AuditEntry]?: Partial<Exclude<AuditEntry[Key], undefined>> | undefined;
};

/** What takes an entry's details away, and, if they are erased, the salt. */
export function withoutDetails(entry: AuditEntry, state: "NONE" | "ERASED"): Patch {
  return {
    actor: { name: "" },
    resource: entry.resource && { name: "" },
    metadata: undefined,
    context: undefined,
    detailsState: DetailsState[state],
    detailsSalt: state === "ERASED" ? new Uint8Array() : entry.detailsSalt,
  };
}

/** A copy of the entry with changes. */
export function patched(entry: AuditEntry, patch: Patch): AuditEntry {
  const copy = clone(AuditEntrySchema, entry);
  for (const [key, value] of Object.entries(patch)) {
    const part: unknown = Reflect.get(copy, key);
    if (value === undefined) Reflect.deleteProperty(copy, key);
    else Reflect.set(copy, key, isMessage(part) ? Object.assign(part, value) : value);
  }
  return copy;
}

/** What is particular to an entry that records an erasure of these sequences. */
export function erasure(...sequences: string[]): Partial<NewEntry> {
  return {
    recorder: { type: "annals", id: "annals" },
    action: erasureAction,
    details: { metadata: { sequences } },
  };
}

/** The error of a call that must fail verification. */
export async function refusal(call: () => unknown): Promise<VerificationError> {
  try {
    await call();
  } catch (error) {
    if (error instanceof VerificationError) return error;
    throw error;
  }
  throw new Error("nothing was refused");
}

/** An element that is there. */
export function at<T>(list: readonly T[], index: number): T {
  const element = list[index];
  if (element === undefined) throw new RangeError(`there is no element ${index}`);
  return element;
}
