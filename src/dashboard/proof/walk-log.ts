/** Reading a whole log in the page: every position hashed, up to a signed root. */
import { Code, ConnectError } from "@connectrpc/connect";
import type { AuditCalls } from "../../client/audit-calls.ts";
import { logFloor } from "../../client/log-floor.ts";
import { LogReader } from "../../client/log-reader.ts";
import type { VerifiedCheckpoint } from "../../client/verify/checkpoint.ts";
import { VerificationError } from "../../client/verify/fault.ts";
import type { LogWalk, WalkReport } from "../../client/verify/walk.ts";
import { step } from "../../client/walk-step.ts";
import { type CheckedLog, checkLog, type LogCheck } from "./check-log.ts";
import { sha256 } from "./sha256.ts";

/** A walk's progress. */
export interface WalkProgress {
  readonly done: bigint;
  readonly total: bigint;
}

/** What a walk has shown. */
export interface WalkedLog extends WalkReport {
  readonly checkpoint: VerifiedCheckpoint;
  /** Entries at the log's beginning that are not there; whether that is right, nothing shows. */
  readonly pruned: bigint;
  readonly atMs: number;
}

/** How to walk. */
export interface LogWalkOptions extends Omit<LogCheck, "proofs"> {
  readonly client: Pick<AuditCalls, "audit" | "proofs">;
  readonly signal: AbortSignal;
  /** Called a few times a second. */
  readonly onProgress: (progress: WalkProgress) => void;
  /** The page may do other things after so many milliseconds of hashing; 12. */
  readonly sliceMs?: number;
}

/**
 * Walks a team's log up to its newest checkpoint, or a later one if an erasure that happened
 * meanwhile calls for it. Undefined if it was cancelled.
 *
 * @throws VerificationError, which raises an alarm; ConnectError, CheckpointsDisabled.
 */
export async function walkLog(options: LogWalkOptions): Promise<WalkedLog | undefined> {
  const { client, teamId, signal, alarms, nowMs, onProgress, sliceMs = 12 } = options;
  const check = { ...options, proofs: client.proofs };
  const first = requireSound(await checkLog(check));
  let { checkpoint } = first;
  const retry = { signal, maxFailures: 8 };
  let walk = first.verifier.walk(teamId);
  let pruned = 0n;
  const reader = new LogReader(client.audit, { ...retry, teamId });
  const slices = slicer(sliceMs, () => onProgress({ done: walk.size, total: checkpoint.size }));
  onProgress({ done: 0n, total: checkpoint.size });
  try {
    // An erased entry is explained by a later one, which may stand behind the checkpoint if it was
    // erased while it was read. A checkpoint asked for after the reading covers it.
    for (let read = 0n; ; ) {
      for await (const { positions } of reader.readTo(checkpoint.size)) {
        const start = positions[0]?.sequence;
        if (walk.size === 0n && start !== undefined && start > 1n) {
          pruned = start - 1n;
          walk = first.verifier.walk(teamId, await logFloor(client, teamId, start, retry, sha256));
        }
        for (const position of positions) {
          step(walk, position);
          if (slices.isOver()) await slices.next();
          if (signal.aborted) return undefined;
        }
      }
      if (signal.aborted) return undefined;
      requireReached(walk, checkpoint);
      const suspect = walk.unexplained;
      if (suspect === undefined || suspect <= read) break;
      read = walk.size;
      const newest = requireSound(await checkLog(check)).checkpoint;
      if (newest.size > checkpoint.size) checkpoint = newest;
    }
    return { ...walk.finish(checkpoint), checkpoint, pruned, atMs: nowMs() };
  } catch (error) {
    if (signal.aborted && error instanceof ConnectError) return undefined;
    const found = { teamId, atMs: nowMs(), notes: [checkpoint.note] };
    if (error instanceof VerificationError) {
      const { fault, message } = error;
      alarms.raise({ ...found, kind: "entries", message, fault });
    } else if (error instanceof ConnectError && error.code === Code.DataLoss) {
      alarms.raise({ ...found, kind: "server", message: error.rawMessage });
    }
    throw error;
  }
}

/** The verified checkpoint to walk to: of what is remembered and what was given, the larger. */
function requireSound({ verifier, claimed, signatureFault, memoryFault, before }: CheckedLog) {
  const fault = signatureFault ?? memoryFault;
  if (fault !== undefined) throw fault;
  if (verifier === undefined || claimed === undefined)
    throw new VerificationError("note_malformed");
  // A server that gives an older one has yet to show all that was signed by then.
  const isOlder = before !== undefined && before.checkpoint.size > claimed.size;
  return { verifier, checkpoint: isOlder ? before.checkpoint : claimed };
}

function requireReached(walk: LogWalk, signed: VerifiedCheckpoint): void {
  if (walk.size >= signed.size) return;
  throw new VerificationError("size_mismatch", { sequence: walk.size + 1n });
}

/** Cuts work into slices, between which the page can draw and answer. */
function slicer(sliceMs: number, onSlice: () => void) {
  let startMs = performance.now();
  let toldMs = startMs;
  return {
    isOver: () => performance.now() - startMs >= sliceMs,
    async next() {
      if (performance.now() - toldMs >= 200) {
        onSlice();
        toldMs = performance.now();
      }
      await nextTurn();
      startMs = performance.now();
    },
  };
}

/** The event loop's next turn. Not by a timer: those of a page in the background are slowed down. */
function nextTurn(): Promise<void> {
  return new Promise((resolve) => {
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = () => {
      port1.close();
      resolve();
    };
    port2.postMessage(undefined);
  });
}
