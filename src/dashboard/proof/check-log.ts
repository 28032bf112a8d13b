/** A team's newest checkpoint, verified and held against what this browser saw before. */
import { type Client, Code, ConnectError } from "@connectrpc/connect";
import type { ProofService } from "../../../gen/audit/v1/proof_service_pb.ts";
import { forgetCheckpoint, localStorageMemory } from "../../client/checkpoint-memory.ts";
import { reasonOf } from "../../client/error-reason.ts";
import type { VerifiedCheckpoint } from "../../client/verify/checkpoint.ts";
import { VerificationError } from "../../client/verify/fault.ts";
import { Verifier } from "../../client/verify/verifier.ts";
import { parseCheckpoint } from "../../log/checkpoint.ts";
import { NoteError, parseNote, parseVerifierKey } from "../../log/note.ts";
import { equalBytes } from "../../log/proof.ts";
import type { Alarm, AlarmBook } from "./alarms.ts";
import {
  type KeyTrust,
  keepTrust,
  keyLabel,
  noTrust,
  readTrust,
  trustedKeys,
} from "./key-trust.ts";
import type { KeptText, PageStorage } from "./page-storage.ts";
import { sha256 } from "./sha256.ts";

/** What a check needs. */
export interface LogCheck {
  readonly proofs: Client<typeof ProofService>;
  readonly teamId: string;
  readonly storage: PageStorage;
  readonly alarms: AlarmBook;
  readonly nowMs: () => number;
  readonly signal?: AbortSignal | undefined;
}

/** What this browser saw of a log before this visit. */
export interface SeenLog {
  readonly checkpoint: VerifiedCheckpoint;
  /** When it had last looked and found all in order; undefined if it did not keep that. */
  readonly atMs: number | undefined;
}

/** What a check has found. */
export interface CheckedLog {
  readonly teamId: string;
  /** The signed note and the key as the server gave them. */
  readonly note: string;
  readonly serverKey: string;
  /** Trust after the check. */
  readonly trust: KeyTrust;
  /** Whether the key had to be taken at the server's word, for none was known. */
  readonly isFirstUse: boolean;
  /** Of the trusted keys; undefined if the server's first one is not even a key. */
  readonly verifier: Verifier | undefined;
  /** What the note says, whoever signed it; undefined if it is not a checkpoint. */
  readonly claimed: VerifiedCheckpoint | undefined;
  /** The trusted keys that signed it. Example: `audit.example.com+4ffeabe4` */
  readonly signers: readonly string[];
  /** Why the signature is not right. */
  readonly signatureFault: VerificationError | undefined;
  /** What was seen before; undefined on a first visit, or if the signature is not right. */
  readonly before: SeenLog | undefined;
  /** Why it does not go on from there. */
  readonly memoryFault: VerificationError | undefined;
  /** Whether this browser will still know it on the next visit. */
  readonly isKept: boolean;
  /** When it was checked. */
  readonly atMs: number;
}

/** The server signs no checkpoints. */
export class CheckpointsDisabled extends Error {
  override readonly name = "CheckpointsDisabled";
}

/**
 * Checks a log: asks for its checkpoint, verifies it, demands that it goes on from the one
 * remembered, and remembers it. What is wrong is in the answer, and raises an alarm.
 *
 * @throws CheckpointsDisabled; ConnectError if the server cannot be asked, or says itself that the
 *   log is not what it was (DATA_LOSS, which raises an alarm too).
 */
export async function checkLog(check: LogCheck): Promise<CheckedLog> {
  const { proofs, teamId, alarms, nowMs, signal } = check;
  const alarm = (found: Omit<Alarm, "teamId" | "atMs">) =>
    alarms.raise({ teamId, atMs: nowMs(), ...found });
  let answer: Awaited<ReturnType<typeof proofs.getCheckpoint>>;
  try {
    answer = await proofs.getCheckpoint({ teamId }, callOptions(signal));
  } catch (error) {
    if (reasonOf(error) === "CHECKPOINTS_DISABLED") throw new CheckpointsDisabled();
    if (error instanceof ConnectError && error.code === Code.DataLoss) {
      alarm({ kind: "server", message: error.rawMessage, notes: [] });
    }
    throw error;
  }
  const log = await verifyLog(check, answer.checkpoint, answer.verifierKey);
  const { signatureFault, memoryFault, note } = log;
  if (signatureFault !== undefined) {
    const { fault, message } = signatureFault;
    const kind = fault === "unknown_key" ? "key" : "signature";
    alarm({ kind, message, fault, notes: [note] });
  } else if (memoryFault?.evidence !== undefined) {
    const { evidence, fault, message } = memoryFault;
    alarm({ kind: "history", message, fault, notes: [evidence.first, evidence.second] });
  } else if (memoryFault === undefined && alarms.get(teamId)?.kind === "key") {
    alarms.dismiss(teamId);
  }
  return log;
}

async function verifyLog(
  { proofs, teamId, storage, nowMs, signal }: LogCheck,
  note: string,
  serverKey: string,
): Promise<CheckedLog> {
  const trust = readTrust(storage);
  const isFirstUse = trustedKeys(trust).length === 0;
  const found = {
    ...{
      teamId,
      note,
      serverKey,
      trust,
      isFirstUse,
      signers: [],
      claimed: claimedBy(note, teamId),
    },
    ...{
      verifier: undefined,
      signatureFault: undefined,
      before: undefined,
      memoryFault: undefined,
    },
    isKept: storage.isLasting,
    atMs: nowMs(),
  } satisfies CheckedLog;
  const keys = isFirstUse ? [serverKey] : trustedKeys(trust);
  const memory = localStorageMemory(storage);
  let verifier: Verifier | undefined;
  let checkpoint: VerifiedCheckpoint;
  try {
    verifier = new Verifier({ keys, memory, sha256 });
    checkpoint = await verifier.verifyCheckpoint(note, teamId);
  } catch (error) {
    if (!(error instanceof VerificationError)) throw error;
    return { ...found, verifier, signatureFault: error };
  }
  const signed = { ...found, verifier, claimed: checkpoint, signers: signersOf(note, keys) };
  const seenMs = readSeen(storage, checkpoint.origin);
  const proveConsistency = async (fromSize: bigint, toSize: bigint) => {
    try {
      const request = { teamId, fromSize, toSize };
      return (await proofs.getConsistencyProof(request, callOptions(signal))).hashes;
    } catch (error) {
      if (error instanceof ConnectError && error.code === Code.OutOfRange) return undefined;
      throw error;
    }
  };
  try {
    const last = await verifier.remember(checkpoint, proveConsistency);
    const firstSeen = { key: serverKey, atMs: found.atMs };
    const kept = isFirstUse ? { ...noTrust, firstSeen } : trust;
    if (isFirstUse) keepTrust(storage, kept);
    keepSeen(storage, checkpoint.origin, found.atMs);
    const seen = last && { checkpoint: last, atMs: seenMs };
    const isKept = storage.isLasting;
    return {
      ...signed,
      trust: kept,
      isKept,
      before: firstOfVisit(storage, checkpoint.origin, seen),
    };
  } catch (error) {
    if (!(error instanceof VerificationError)) throw error;
    const first = claimedBy(error.evidence?.first ?? "", teamId);
    return { ...signed, memoryFault: error, before: first && { checkpoint: first, atMs: seenMs } };
  }
}

/** What a note says, verified or not. */
function claimedBy(note: string, teamId: string): VerifiedCheckpoint | undefined {
  try {
    return { ...parseCheckpoint(parseNote(note).text), note, teamId };
  } catch (error) {
    if (!(error instanceof NoteError)) throw error;
    return undefined;
  }
}

/** Those of the keys, which are sound, that a verified note is signed with. */
function signersOf(note: string, keys: readonly string[]): string[] {
  const known = keys.map((key) => parseVerifierKey(sha256, key));
  return parseNote(note).signatures.flatMap(({ keyName, keyId }) => {
    const key = known.find(({ name, keyId: id }) => name === keyName && equalBytes(id, keyId));
    return key === undefined ? [] : [keyLabel(key)];
  });
}

/**
 * What was seen of a log before this visit: since then each checkpoint went on from the one before,
 * and a person wants to know about the last time, not about a moment ago.
 */
const visits = new WeakMap<KeptText, Map<string, SeenLog | undefined>>();

function firstOfVisit(
  storage: KeptText,
  origin: string,
  seen: SeenLog | undefined,
): SeenLog | undefined {
  const visit = visits.get(storage) ?? new Map<string, SeenLog | undefined>();
  visits.set(storage, visit);
  if (!visit.has(origin)) visit.set(origin, seen);
  return visit.get(origin);
}

/** Forgets what this browser saw of a log, and that it found fault with it. */
export function forgetLog(
  { storage, alarms }: Pick<LogCheck, "storage" | "alarms">,
  { teamId, origin }: VerifiedCheckpoint,
): void {
  forgetCheckpoint(storage, origin);
  storage.removeItem(seenPlace(origin));
  visits.get(storage)?.delete(origin);
  alarms.dismiss(teamId);
}

function seenPlace(origin: string): string {
  return `annals/seen/${origin}`;
}

function readSeen(storage: KeptText, origin: string): number | undefined {
  const text = storage.getItem(seenPlace(origin));
  const atMs = Number(text);
  return text === null || !Number.isFinite(atMs) ? undefined : atMs;
}

function keepSeen(storage: KeptText, origin: string, atMs: number): void {
  storage.setItem(seenPlace(origin), String(atMs));
}

function callOptions(signal: AbortSignal | undefined) {
  return signal && { signal };
}
