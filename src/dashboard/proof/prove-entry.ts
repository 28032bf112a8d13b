/** Verifying one entry, step by step, so that each step can be shown. */
import { Code, ConnectError } from "@connectrpc/connect";
import { type AuditEntry, DetailsState } from "../../../gen/audit/v1/entry_pb.ts";
import type { AuditCalls } from "../../client/audit-calls.ts";
import { type EntryJson, entryToJson } from "../../client/entry-json.ts";
import { formatExportLine } from "../../client/export-lines.ts";
import { type RecordedEntry, recordedEntry } from "../../client/recorded-entry.ts";
import { formatTlogProof } from "../../client/tlog-proof.ts";
import { orFault, VerificationError } from "../../client/verify/fault.ts";
import { Verifier } from "../../client/verify/verifier.ts";
import { base64 } from "../../log/base64.ts";
import { detailsText, leafHash, leafText } from "../../log/leaf.ts";
import type { InclusionProof } from "../../log/proof.ts";
import { type CheckedLog, checkLog, type LogCheck } from "./check-log.ts";
import { isAccusation } from "./fault-words.ts";
import { type PathStep, proofPath } from "./proof-path.ts";
import { sha256 } from "./sha256.ts";

/** The steps, in the order in which they build on each other. */
export const stepNames = ["fingerprint", "path", "root", "signature", "memory"] as const;
/** A step. */
export type StepName = (typeof stepNames)[number];

/** What has become of a step. Skipped ones were not reached: one before them failed. */
export type StepOutcome =
  | { readonly state: "passed" | "skipped" }
  | { readonly state: "failed"; readonly error: VerificationError | ConnectError };

/** What is hashed, to the byte. */
export interface LeafInput {
  /** The canonical JSON of the leaf; before it stands a zero byte. */
  readonly leafText: string;
  readonly computed: Uint8Array;
  readonly stated: Uint8Array;
  readonly salt: Uint8Array;
  /** The canonical JSON of the details; before it stands the salt. */
  readonly detailsText: string;
  readonly detailsDigest: Uint8Array;
}

/** What was found of an entry. */
export interface EntryProof {
  /** The entry as it was read for this. */
  readonly entry: AuditEntry;
  readonly json: EntryJson;
  readonly steps: Readonly<Record<StepName, StepOutcome>>;
  readonly isProved: boolean;
  readonly leaf: LeafInput | undefined;
  readonly inclusion: InclusionProof | undefined;
  readonly path: readonly PathStep[] | undefined;
  readonly log: CheckedLog;
  /** A proof file for `annals verify --proof`, if the proof is there; it may be a failing one. */
  readonly file: string | undefined;
}

/** Which entry, `log-{uuid}`, and what a check of its log needs. */
export interface EntryCheck extends Omit<LogCheck, "proofs"> {
  readonly client: Pick<AuditCalls, "audit" | "proofs">;
  readonly id: string;
}

const passed: StepOutcome = { state: "passed" };
const skipped: StepOutcome = { state: "skipped" };

/**
 * Reads an entry anew, the log's checkpoint and the proof, and verifies them.
 *
 * @throws CheckpointsDisabled; ConnectError if the server cannot be asked.
 */
export async function proveEntry(check: EntryCheck): Promise<EntryProof> {
  const { client, id, teamId, signal } = check;
  const call = signal && { signal };
  const { entry } = await client.audit.get({ teamId, key: { case: "id", value: id } }, call);
  if (entry === undefined) throw new ConnectError("the server sent no entry", Code.Internal);
  const log = await checkLog({ ...check, proofs: client.proofs });

  // A verifier's keys have no part in the entry's own steps.
  const verifier = log.verifier ?? new Verifier({ keys: [], sha256 });
  const fingerprint = outcome(() => {
    if (entry.id !== id) throw new VerificationError("entry_malformed");
    if (entry.teamId !== teamId) throw new VerificationError("wrong_team");
    verifier.leafOf(entry);
  });
  const leaf = leafInput(entry);
  let path: StepOutcome = skipped;
  let root: StepOutcome = skipped;
  let inclusion: InclusionProof | undefined;
  const { claimed } = log;
  if (fingerprint.state === "passed" && claimed !== undefined) {
    const asked = await askForProof(check, entry.sequence, claimed.size);
    if (asked instanceof ConnectError) path = { state: "failed", error: asked };
    else {
      inclusion = asked;
      const verified = outcome(() => verifier.verifyEntry(entry, asked, claimed));
      const isRoot = isFault(verified, "proof_root_mismatch");
      path = isRoot ? passed : verified;
      root = isRoot || verified.state === "passed" ? verified : skipped;
    }
  }
  raiseAlarm(check, log, [fingerprint, path, root]);
  const signature = failedOr(log.signatureFault, passed);
  const memory = log.signatureFault ? skipped : failedOr(log.memoryFault, passed);
  const steps = { fingerprint, path, root, signature, memory };
  return {
    ...{ entry, json: entryToJson(entry), steps, leaf, inclusion, log },
    isProved: Object.values(steps).every(({ state }) => state === "passed"),
    path: inclusion && leaf && proofPath(leaf.computed, inclusion),
    file: inclusion && proofFile(entry, inclusion, log.note),
  };
}

/** An entry that is not what was signed for is a matter of its log, if the log itself is sound. */
function raiseAlarm(
  { alarms, teamId, nowMs }: EntryCheck,
  { note, signatureFault, memoryFault }: CheckedLog,
  steps: readonly StepOutcome[],
): void {
  if (signatureFault !== undefined || memoryFault !== undefined) return;
  for (const step of steps) {
    if (step.state !== "failed" || !isAccusation(step.error)) continue;
    const { message } = step.error;
    const fault = step.error instanceof VerificationError ? { fault: step.error.fault } : {};
    alarms.raise({ teamId, kind: "entries", atMs: nowMs(), message, notes: [note], ...fault });
    return;
  }
}

/** All that the server said, for those who are to look into it: of a proof that fails. */
export function evidenceOf({ entry, inclusion, log, steps }: EntryProof): string {
  const faults = Object.entries(steps).flatMap(([step, result]) =>
    result.state === "failed" ? [{ step, message: result.error.message }] : [],
  );
  const evidence = {
    checkedAt: new Date(log.atMs).toISOString(),
    teamId: log.teamId,
    faults,
    entry: JSON.parse(formatExportLine({ kind: "entry", entry })),
    checkpoint: log.note,
    serverKey: log.serverKey,
    trustedKeys: log.trust,
    remembered: log.before?.checkpoint.note,
    proof: inclusion && {
      leafIndex: String(inclusion.leafIndex),
      treeSize: String(inclusion.treeSize),
      hashes: inclusion.hashes.map((hash) => base64(hash)),
    },
  };
  return `${JSON.stringify(evidence, undefined, 2)}\n`;
}

async function askForProof(
  { client, teamId, signal }: EntryCheck,
  sequence: bigint,
  treeSize: bigint,
): Promise<InclusionProof | ConnectError> {
  const key = { case: "sequence", value: sequence } as const;
  try {
    return await client.proofs.getInclusionProof({ teamId, key, treeSize }, signal && { signal });
  } catch (reason) {
    const error = ConnectError.from(reason);
    // A server that has the entry and the checkpoint has the proof: to deny it is a fault of the log.
    const denials = [Code.OutOfRange, Code.NotFound, Code.DataLoss];
    if (denials.includes(error.code)) return error;
    throw error;
  }
}

function leafInput(message: AuditEntry): LeafInput | undefined {
  let entry: RecordedEntry;
  try {
    entry = orFault(() => recordedEntry(message), "entry_malformed");
  } catch (error) {
    if (!(error instanceof VerificationError)) throw error;
    return undefined;
  }
  const isErased = message.detailsState === DetailsState.ERASED;
  return {
    leafText: leafText(entry),
    computed: leafHash(sha256, entry),
    stated: entry.leafHash,
    salt: entry.detailsSalt,
    detailsText: isErased ? "" : detailsText(entry.details),
    detailsDigest: entry.detailsDigest,
  };
}

function proofFile(entry: AuditEntry, { leafIndex, hashes }: InclusionProof, note: string): string {
  const extra = new TextEncoder().encode(formatExportLine({ kind: "entry", entry }));
  return formatTlogProof({ extra, index: leafIndex, hashes, checkpoint: note });
}

function outcome(work: () => void): StepOutcome {
  try {
    work();
    return passed;
  } catch (error) {
    if (!(error instanceof VerificationError)) throw error;
    return { state: "failed", error };
  }
}

function isFault(result: StepOutcome, fault: VerificationError["fault"]): boolean {
  if (result.state !== "failed" || !(result.error instanceof VerificationError)) return false;
  return result.error.fault === fault;
}

function failedOr(error: VerificationError | undefined, otherwise: StepOutcome): StepOutcome {
  return error === undefined ? otherwise : { state: "failed", error };
}
