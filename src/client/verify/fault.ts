import { NoteError } from "../../log/note.ts";
import { ProofError } from "../../log/proof.ts";
import { RecordedEntryError } from "../recorded-entry.ts";

const faults = {
  key_malformed: "a verifier key is not a sound Ed25519 key",
  note_malformed: "the checkpoint is not a signed note",
  unknown_key: "no known key has signed the checkpoint",
  duplicate_signature: "a known key has signed the checkpoint twice",
  signature_invalid: "a signature of the checkpoint is not by the key that it names",
  checkpoint_malformed: "what was signed is not a checkpoint",
  wrong_origin: "the checkpoint is of another log",
  entry_malformed: "this is not an entry as it is recorded",
  wrong_team: "the entry is of another team",
  details_mismatch: "the details are not those that were recorded",
  leaf_mismatch: "the entry is not the one that was recorded",
  sequence_mismatch: "the proof is about another position",
  size_mismatch: "the checkpoint is of another size",
  proof_out_of_range: "no log of this size has this position",
  proof_wrong_length: "the proof has hashes too many or too few",
  proof_malformed_hash: "a hash in the proof is not of 32 bytes",
  proof_root_mismatch: "the log does not have this entry at its position",
  hash_malformed: "a hash is not of 32 bytes, or a tree of this size has more or fewer",
  sequence_gap: "the entry is missing",
  sequence_repeated: "the entry comes again",
  root_mismatch: "the entries are not those that were signed for",
  erasure_unexplained: "the details are gone, and no later entry says that they were erased",
  forked: "two checkpoints of one size have different roots",
  inconsistent: "the log does not begin with what is remembered of it",
  rolled_back: "the log is smaller than remembered, and no earlier state of that",
  memory_unusable: "checkpoints cannot be remembered",
} as const;

/** Why something is not verified. */
export type Fault = keyof typeof faults;

/** What is known of a fault. */
export type FaultDetail = Partial<Pick<VerificationError, "sequence" | "evidence" | "cause">>;

/** Something is not what it is claimed to be. */
export class VerificationError extends Error {
  override readonly name = "VerificationError";
  readonly fault: Fault;
  /** The first position concerned; for a gap, the first one that is missing. */
  readonly sequence: bigint | undefined;
  /** Two signed checkpoints that contradict each other, the remembered one first. */
  readonly evidence: { readonly first: string; readonly second: string } | undefined;

  constructor(fault: Fault, { sequence, evidence, cause }: FaultDetail = {}) {
    const place = sequence === undefined ? "" : `entry ${sequence}: `;
    super(`${place}${faults[fault]}${cause instanceof Error ? `: ${cause.message}` : ""}`, {
      cause,
    });
    this.fault = fault;
    this.sequence = sequence;
    this.evidence = evidence;
  }
}

/** Runs a parser or a check; what that refuses is a fault. */
export function orFault<T>(call: () => T, fault: Fault, detail?: FaultDetail): T {
  try {
    return call();
  } catch (cause) {
    const refusals = [NoteError, ProofError, RecordedEntryError, RangeError];
    if (!refusals.some((type) => cause instanceof type)) throw cause;
    throw new VerificationError(fault, { ...detail, cause });
  }
}
