import type { AuditEntry } from "../../../gen/audit/v1/entry_pb.ts";
import { erasedBy } from "../../log/erasure.ts";
import { Frontier, type Sha256 } from "../../log/merkle.ts";
import { equalBytes } from "../../log/proof.ts";
import { SequenceSet } from "../sequence-set.ts";
import type { VerifiedCheckpoint } from "./checkpoint.ts";
import { orFault, VerificationError } from "./fault.ts";
import { openEntry } from "./open-entry.ts";

/** A place in a log to walk on from: after its first `size` entries. */
export interface WalkState {
  readonly size: bigint;
  /** The frontier of their tree. It need not be trusted: from a wrong one no root comes out right. */
  readonly hashes: readonly Uint8Array[];
  /** Erased entries that no later one explained, as `SequenceSet.words`. */
  readonly unexplained?: readonly string[];
}

/** How many entries a walk has opened, erased ones among them, and of how many it had the hash. */
export interface WalkReport {
  readonly opened: number;
  readonly erased: number;
  readonly withheld: number;
  /** The end, to go on from another time. */
  readonly state: WalkState;
}

/**
 * A walk over a team's log, position by position, in a bit or so of memory for each erased entry.
 *
 * What is erased while it is read may be explained only behind the checkpoint. So on a live log
 * walk on to newer checkpoints until `unexplained` is undefined, or was passed before the last
 * checkpoint was asked for (and then is the fault that `finish` throws).
 */
export class LogWalk {
  readonly #sha256: Sha256;
  readonly #teamId: string;
  readonly #frontier: Frontier;
  readonly #unexplained: SequenceSet;
  readonly #counts = { opened: 0, erased: 0, withheld: 0 };

  constructor(sha256: Sha256, teamId: string, { size, hashes, unexplained }: WalkState) {
    this.#sha256 = sha256;
    this.#teamId = teamId;
    this.#unexplained = new SequenceSet(unexplained);
    hashes.every(requireHash);
    this.#frontier = orFault(() => new Frontier(sha256, size, hashes), "hash_malformed");
  }

  /** Positions passed, those before the start included: the sequence that came last. */
  get size(): bigint {
    return this.#frontier.size;
  }

  /** The root of the tree so far: to find, after a root_mismatch, how far the log is right. */
  get root(): Uint8Array {
    return this.#frontier.root();
  }

  /** Where it stands, to go on from another time. */
  get state(): WalkState {
    const { words: unexplained } = this.#unexplained;
    return { size: this.size, hashes: [...this.#frontier.hashes], unexplained };
  }

  /** The first erased entry that no later one explains so far. */
  get unexplained(): bigint | undefined {
    return this.#unexplained.first;
  }

  /**
   * Checks the next entry and appends it. If it is refused the walk stays where it was.
   * @throws VerificationError: sequence_gap, sequence_repeated, wrong_team, or as `leafOf`.
   */
  addEntry(message: AuditEntry): void {
    const { sequence, teamId } = message;
    this.#requireNext(sequence);
    if (teamId !== this.#teamId) throw new VerificationError("wrong_team", { sequence });
    const entry = openEntry(this.#sha256, message);
    this.#frontier.append(entry.leafHash);
    this.#counts.opened++;
    if (entry.detailsState === "erased") {
      this.#counts.erased++;
      this.#unexplained.add(sequence);
    }
    for (const range of erasedBy(entry) ?? []) this.#unexplained.remove(range);
  }

  /**
   * Appends a position of which only the leaf hash is given.
   * @throws VerificationError: sequence_gap, sequence_repeated, hash_malformed.
   */
  addWithheld({ sequence, leafHash }: { sequence: bigint; leafHash: Uint8Array }): void {
    this.#requireNext(sequence);
    requireHash(leafHash);
    this.#frontier.append(leafHash);
    this.#counts.withheld++;
  }

  /**
   * Checks that this is all of a checkpoint's log, every erasure explained. The walk may go on.
   * @throws VerificationError: wrong_origin, size_mismatch, root_mismatch, erasure_unexplained.
   */
  finish({ teamId, size, root }: VerifiedCheckpoint): WalkReport {
    if (teamId !== this.#teamId) throw new VerificationError("wrong_origin");
    if (size !== this.size) throw new VerificationError("size_mismatch");
    if (!equalBytes(root, this.root)) throw new VerificationError("root_mismatch");
    const sequence = this.unexplained;
    if (sequence !== undefined) throw new VerificationError("erasure_unexplained", { sequence });
    return { ...this.#counts, state: this.state };
  }

  #requireNext(sequence: bigint): void {
    const due = this.size + 1n;
    if (sequence > due) throw new VerificationError("sequence_gap", { sequence: due });
    if (sequence < due) throw new VerificationError("sequence_repeated", { sequence });
  }
}

function requireHash(hash: Uint8Array): true {
  if (hash.length === 32) return true;
  throw new VerificationError("hash_malformed");
}
