/** What a failed check means, and what to do about it, for a person. */
import { Code, ConnectError } from "@connectrpc/connect";
import { type Fault, VerificationError } from "../../client/verify/fault.ts";

/** Two plain sentences or so each. */
export interface FaultWords {
  readonly meaning: string;
  readonly advice: string;
}

const keepIt =
  "Keep the evidence: download it now, note the time, and show it to somebody who does not run this server.";
const notSound =
  "What the server sent is not of the form that it must have, so nothing can be concluded from it.";
const reload =
  "Check again. If it stays like this, keep the evidence and ask those who run this server.";

const words: Readonly<Record<Fault, FaultWords>> = {
  key_malformed: { meaning: "The server names a key that is none.", advice: reload },
  note_malformed: { meaning: notSound, advice: reload },
  checkpoint_malformed: { meaning: notSound, advice: reload },
  unknown_key: {
    meaning:
      "The log is signed with another key than the one that this browser trusts. Either the key was changed, or somebody else signs in its place.",
    advice:
      "Ask those who run this server, by another way than this page, whether they changed the key. If they did, paste the new one on the proof page. Until then believe nothing that it signs.",
  },
  duplicate_signature: { meaning: notSound, advice: reload },
  signature_invalid: {
    meaning: "The signature is not by the key that it names: somebody without the key made it up.",
    advice: keepIt,
  },
  wrong_origin: { meaning: "The server sent the checkpoint of another log.", advice: keepIt },
  entry_malformed: {
    meaning: "The server sent something that is not an entry as it is recorded.",
    advice: keepIt,
  },
  wrong_team: { meaning: "The server sent an entry of another team.", advice: keepIt },
  details_mismatch: {
    meaning:
      "The names, metadata or request of this entry are not those that were recorded: they were changed afterwards.",
    advice: `Do not rely on this entry. ${keepIt}`,
  },
  leaf_mismatch: {
    meaning: "This entry is not the one that was recorded: something in it was changed afterwards.",
    advice: `Do not rely on this entry. ${keepIt}`,
  },
  sequence_mismatch: { meaning: "The proof is about another position of the log.", advice: keepIt },
  size_mismatch: {
    meaning: "There are fewer entries than were signed for: some were taken away at the end.",
    advice: keepIt,
  },
  proof_out_of_range: {
    meaning: "The log that was signed is too short to hold this entry.",
    advice: keepIt,
  },
  proof_wrong_length: { meaning: notSound, advice: keepIt },
  proof_malformed_hash: { meaning: notSound, advice: keepIt },
  proof_root_mismatch: {
    meaning:
      "The signed log does not have this entry at this position: it was put in, changed or moved afterwards.",
    advice: `Do not rely on this entry. ${keepIt}`,
  },
  hash_malformed: { meaning: notSound, advice: keepIt },
  sequence_gap: {
    meaning: "An entry is missing.",
    advice: keepIt,
  },
  sequence_repeated: { meaning: "An entry comes twice.", advice: keepIt },
  root_mismatch: {
    meaning:
      "The entries, taken together, are not those that were signed for. At least one was changed, put in, taken out or moved.",
    advice: `${keepIt} “annals verify” tells which entry is the first bad one.`,
  },
  erasure_unexplained: {
    meaning:
      "The details of an entry are gone, and no later entry says that somebody erased them: they were removed behind the log's back.",
    advice: keepIt,
  },
  forked: {
    meaning:
      "Two signed checkpoints of the same size differ: there are two versions of this log, and this browser was shown both.",
    advice: `Both carry the server's own signature, which proves it to anyone. ${keepIt}`,
  },
  inconsistent: {
    meaning:
      "The log does not begin with what this browser saw before: what was recorded then has been rewritten.",
    advice: `The two signed checkpoints prove it to anyone. ${keepIt}`,
  },
  rolled_back: {
    meaning: "The log is shorter than this browser saw it before: it was rewound.",
    advice: `It can happen by accident, when a database is restored from a backup; then entries are lost. The two signed checkpoints prove it to anyone. ${keepIt}`,
  },
  memory_unusable: {
    meaning:
      "What this browser remembers of the log cannot be used, so it cannot tell whether the log goes on from there.",
    advice:
      "If the key was changed and you know the old one, paste that on the proof page too. This says nothing against the log.",
  },
};

/** Whether a failure says that a log is not what it claims to be, by our own check or by the server. */
export function isAccusation(error: Error): error is VerificationError | ConnectError {
  if (error instanceof ConnectError) return error.code === Code.DataLoss;
  return error instanceof VerificationError;
}

/** What a failure means, by what the verifier or the server said. */
export function faultWords(error: VerificationError | ConnectError): FaultWords {
  if (error instanceof VerificationError) return words[error.fault];
  if (error.code === Code.DataLoss) {
    return {
      meaning: "The server itself says that the log is not the one that it signed.",
      advice: `Entries were changed, or an older backup was restored. ${keepIt}`,
    };
  }
  return {
    meaning: `The server cannot prove it: ${error.rawMessage}`,
    advice: `A server that has the entry and the log can. ${reload}`,
  };
}

/** The same of a fault that was kept. */
export function wordsOf(fault: Fault): FaultWords {
  return words[fault];
}
