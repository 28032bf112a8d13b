/** The whole walk over a log on a server: every position read and hashed up to a signed root. */
import { Code, ConnectError } from "@connectrpc/connect";
import type { AuditClient } from "../client/client.ts";
import { LogReader } from "../client/log-reader.ts";
import type { RetryOptions } from "../client/retry.ts";
import type { VerifiedCheckpoint } from "../client/verify/checkpoint.ts";
import { VerificationError } from "../client/verify/fault.ts";
import type { LogWalk, WalkReport } from "../client/verify/walk.ts";
import { step } from "../client/walk-step.ts";
import { base64 } from "../log/base64.ts";
import type { OpenLog } from "./open-log.ts";
import { isAtFault } from "./verify-failure.ts";
import { firstBadEntry, type Walked } from "./verify-search.ts";
import { floorStart, missingBeginning, savedStart, type WalkStart } from "./verify-start.ts";
import { requireReached } from "./verify-step.ts";

/** What a walk over a server's log has shown. */
export interface LogReport extends WalkReport {
  readonly checkpoint: VerifiedCheckpoint;
  /** Positions that were not looked at: verified in an earlier run, or no longer held. */
  readonly start: WalkStart;
}

/** How to walk. */
export interface WalkOptions {
  readonly retry: RetryOptions;
  /** Go on from where the last finished walk ended. */
  readonly sinceLast: boolean;
  /** Go on if the log's first entries are not there. */
  readonly allowPruned: boolean;
  readonly onProgress: (done: bigint, total: bigint) => void;
}

/**
 * Walks a log up to its newest checkpoint, or a later one if an erasure that happened meanwhile
 * calls for it, and saves where it ended.
 *
 * @throws VerificationError, UsageError, ConnectError.
 */
export async function walkLog(
  client: AuditClient,
  log: OpenLog,
  options: WalkOptions,
): Promise<LogReport> {
  const saved = options.sinceLast ? await savedStart(log) : undefined;
  if (saved === undefined) return walkFrom(client, log, options, beginning, "");
  if (saved.pruned > 0n && !options.allowPruned) throw missingBeginning(saved.pruned);
  try {
    return await walkFrom(client, log, options, saved, saved.cursor);
  } catch (error) {
    // The cursor is the word of the server that gave it: it may be that which leads astray.
    const isBadCursor = error instanceof ConnectError && error.code === Code.InvalidArgument;
    if (saved.cursor === "" || !(isBadCursor || isAtFault(error))) throw error;
    return walkFrom(client, log, options, saved, "");
  }
}

const beginning: WalkStart = {
  ...{ reason: "beginning", size: 0n, hashes: [] },
  ...{ pruned: 0n, withheld: 0 },
};

async function walkFrom(
  client: AuditClient,
  log: OpenLog,
  { retry, allowPruned, onProgress }: WalkOptions,
  from: WalkStart,
  cursor: string,
): Promise<LogReport> {
  const { verifier, memory, teamId } = log;
  let { checkpoint } = log;
  let start = from;
  let walk = verifier.walk(teamId, start);
  const reader = new LogReader(client.audit, { ...retry, teamId, cursor, after: start.size });

  // An erased entry is explained by a later one, which may stand behind the checkpoint if it was
  // erased while it was read. A checkpoint asked for after the reading covers it.
  for (let read = 0n; ; ) {
    for await (const { positions } of reader.readTo(checkpoint.size)) {
      const first = positions[0]?.sequence;
      if (walk.size === 0n && first !== undefined && first > 1n) {
        if (!allowPruned) throw missingBeginning(first - 1n);
        start = await floorStart(client, teamId, first, retry);
        walk = verifier.walk(teamId, start);
      }
      for (const position of positions) step(walk, position);
      onProgress(walk.size - start.size, checkpoint.size - start.size);
    }
    requireReached(walk, checkpoint);
    const suspect = walk.unexplained;
    if (suspect === undefined || suspect <= read) break;
    read = walk.size;
    const newest = await log.newest();
    if (newest.size > checkpoint.size) checkpoint = newest;
  }
  const report = await finish(client, log, walk, {
    ...{ checkpoint, start },
    retry: { ...retry, maxFailures: 2 },
  });
  await memory.saveWalk(checkpoint.origin, {
    checkpoint: checkpoint.note,
    hashes: report.state.hashes.map(base64),
    cursor: reader.cursor,
    withheld: start.withheld + report.withheld,
    ...(start.pruned > 0n && { pruned: String(start.pruned) }),
  });
  return { ...report, checkpoint, start };
}

/** Finishes a walk. If it comes to another root than was signed, it says from which entry on. */
async function finish(
  client: AuditClient,
  log: OpenLog,
  walk: LogWalk,
  walked: Walked,
): Promise<WalkReport> {
  try {
    return walk.finish(walked.checkpoint);
  } catch (error) {
    if (!(error instanceof VerificationError) || error.fault !== "root_mismatch") throw error;
    const sequence = await firstBadEntry(client, log, walked).catch((reason: unknown) => {
      // A log whose tree is broken may not be able to prove anything: that is no excuse.
      if (reason instanceof ConnectError) return undefined;
      throw reason;
    });
    if (sequence === undefined) throw error;
    throw new VerificationError("root_mismatch", { sequence });
  }
}
