import { sha256 as nobleSha256 } from "@noble/hashes/sha2.js";
import type { AuditEntry } from "../../../gen/audit/v1/entry_pb.ts";
import { parseTeamId } from "../../ids.ts";
import { checkpointOrigin, parseCheckpoint } from "../../log/checkpoint.ts";
import type { Sha256 } from "../../log/merkle.ts";
import { parseNote, parseVerifierKey, type VerifierKey } from "../../log/note.ts";
import * as proofs from "../../log/proof.ts";
import { volatileMemory } from "../checkpoint-memory.ts";
import { isSoundPoint, verifyEd25519 } from "../ed25519.ts";
import type { VerifiedCheckpoint } from "./checkpoint.ts";
import { orFault, VerificationError } from "./fault.ts";
import type { CheckpointMemory } from "./memory.ts";
import { openEntry } from "./open-entry.ts";
import { LogWalk, type WalkState } from "./walk.ts";

/** What a verifier trusts, and works with. */
export interface VerifierOptions {
  /** C2SP verifier keys; several while keys are rotated. */
  readonly keys: readonly string[];
  /** Where checkpoints are remembered; for the life of the verifier unless given. */
  readonly memory?: CheckpointMemory;
  /** SHA-256; that of @noble/hashes unless given. */
  readonly sha256?: Sha256;
}

type Hashes = readonly Uint8Array[];
/**
 * Asks for a consistency proof, 1 ≤ from ≤ to. Undefined is the server's word that it has no such
 * tree (OUT_OF_RANGE): a proof that fails. What it throws (a lost connection) accuses nobody.
 */
export type ProveConsistency = (from: bigint, to: bigint) => Promise<Hashes | undefined>;

/** Checks what a server says of its logs, trusting nothing but keys. In Node and in browsers. */
export class Verifier {
  readonly #keys: readonly VerifierKey[];
  readonly #memory: CheckpointMemory;
  readonly #sha256: Sha256;

  /** @throws VerificationError key_malformed. */
  constructor({ keys, memory = volatileMemory(), sha256 = noble }: VerifierOptions) {
    this.#keys = keys.map((key) => orFault(() => parseVerifierKey(sha256, key), "key_malformed"));
    if (this.#keys.some(({ publicKey }) => !isSoundPoint(publicKey))) {
      throw new VerificationError("key_malformed");
    }
    this.#memory = memory;
    this.#sha256 = sha256;
  }

  /**
   * Verifies a signed checkpoint of a team's log (`team-{uuid}`). Signatures by unknown keys are
   * passed over; those by known keys must all be right, and one there must be.
   * @throws VerificationError.
   */
  async verifyCheckpoint(note: string, teamId: string): Promise<VerifiedCheckpoint> {
    const { text, signatures } = orFault(() => parseNote(note), "note_malformed");
    const message = new TextEncoder().encode(text);
    const signers = new Set<VerifierKey>();
    for (const { keyName, keyId, signature } of signatures) {
      const named = this.#keys.filter(({ name }) => name === keyName);
      const key = named.find((known) => proofs.equalBytes(known.keyId, keyId));
      if (key === undefined) continue;
      if (signers.has(key)) throw new VerificationError("duplicate_signature");
      signers.add(key);
      const isValid = await verifyEd25519(key.publicKey, signature, message);
      if (!isValid) throw new VerificationError("signature_invalid");
    }
    if (signers.size === 0) throw new VerificationError("unknown_key");
    const checkpoint = orFault(() => parseCheckpoint(text), "checkpoint_malformed");
    const team = parseTeamId(teamId);
    const origins = Array.from(signers, ({ name }) => team && checkpointOrigin(name, team));
    if (!origins.includes(checkpoint.origin)) throw new VerificationError("wrong_origin");
    return { ...checkpoint, note, teamId };
  }

  /**
   * Holds a checkpoint against the one remembered of its log, and remembers the larger. Answers
   * what was remembered before: undefined at first sight. A smaller one is fine if it is an
   * earlier state of the remembered one, and the server has that still.
   * @throws VerificationError: forked, inconsistent or rolled_back, with both notes as evidence,
   *   or memory_unusable. What is remembered stays then.
   */
  async remember(
    checkpoint: VerifiedCheckpoint,
    proveConsistency: ProveConsistency,
  ): Promise<VerifiedCheckpoint | undefined> {
    const { origin, teamId, note, size } = checkpoint;
    // Again whenever somebody else has remembered something in the meantime.
    for (let attempt = 0; attempt < 10; attempt++) {
      const expected = await this.#memory.get(origin);
      const recalled = expected === undefined ? undefined : this.verifyCheckpoint(expected, teamId);
      const last = await recalled?.catch(unusable);
      if (last !== undefined) await this.#compare(last, checkpoint, proveConsistency);
      if (last !== undefined && last.size >= size) return last;
      if (await this.#memory.replace(origin, expected, note)) return last;
    }
    throw new VerificationError("memory_unusable");
  }

  async #compare(
    last: VerifiedCheckpoint,
    next: VerifiedCheckpoint,
    proveConsistency: ProveConsistency,
  ): Promise<void> {
    const [from, to] = next.size < last.size ? [next, last] : [last, next];
    const isSame = from.size === to.size;
    const fault = isSame ? "forked" : from === next ? "rolled_back" : "inconsistent";
    const evidence = { first: last.note, second: next.note };
    // Every log begins with the empty one: there, the server must show that it has the later one.
    const earlier = from === next && from.size === 0n ? to.size : from.size;
    const hashes = isSame || earlier === 0n ? [] : await proveConsistency(earlier, to.size);
    if (hashes === undefined) throw new VerificationError(fault, { evidence });
    const proof = { fromSize: from.size, toSize: to.size, hashes };
    const check = () => proofs.verifyConsistency(this.#sha256, proof, from.root, to.root);
    orFault(check, fault, { evidence });
  }

  /**
   * The leaf hash of an entry, computed from all that a reader sees of it but its sequence. That
   * details were erased by right, only a walk shows.
   * @throws VerificationError: entry_malformed, details_mismatch, leaf_mismatch.
   */
  leafOf(entry: AuditEntry): Uint8Array {
    return openEntry(this.#sha256, entry).leafHash;
  }

  /**
   * Checks that an entry is what a log has at its position. `GetInclusionProofResponse` is a proof.
   * @throws VerificationError.
   */
  verifyEntry(entry: AuditEntry, proof: proofs.InclusionProof, log: VerifiedCheckpoint): void {
    const at = { sequence: entry.sequence };
    if (entry.teamId !== log.teamId) throw new VerificationError("wrong_team", at);
    if (proof.treeSize !== log.size) throw new VerificationError("size_mismatch", at);
    if (proof.leafIndex !== at.sequence - 1n) throw new VerificationError("sequence_mismatch", at);
    const leafHash = this.leafOf(entry);
    try {
      proofs.verifyInclusion(this.#sha256, leafHash, proof, log.root);
    } catch (cause) {
      if (!(cause instanceof proofs.ProofError)) throw cause;
      throw new VerificationError(`proof_${cause.fault}`, { ...at, cause });
    }
  }

  /** Begins a walk over a team's log (`team-{uuid}`), from its first entry or from a state. */
  walk(teamId: string, start: WalkState = { size: 0n, hashes: [] }): LogWalk {
    return new LogWalk(this.#sha256, teamId, start);
  }
}

function unusable(cause: unknown): never {
  throw new VerificationError("memory_unusable", { cause });
}

function noble(...parts: readonly Uint8Array[]): Uint8Array {
  return parts.reduce((hash, part) => hash.update(part), nobleSha256.create()).digest();
}
