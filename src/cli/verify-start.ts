/** Where a walk over a log begins, if not with its first entry. */
import type { AuditClient } from "../client/client.ts";
import { frontierOf, logFloor } from "../client/log-floor.ts";
import type { RetryOptions } from "../client/retry.ts";
import type { WalkState } from "../client/verify/walk.ts";
import { fromBase64 } from "../log/base64.ts";
import { equalBytes } from "../log/proof.ts";
import { sha256 } from "../log/sha256.ts";
import { UsageError, VerificationFailure } from "./failure.ts";
import type { OpenLog } from "./open-log.ts";

/** Where a walk began. */
export interface WalkStart extends WalkState {
  readonly reason: "beginning" | "last run" | "floor";
  /** Entries at the log's beginning that are not there, whenever that was found. */
  readonly pruned: bigint;
  /** Positions before the start that earlier runs had only the hash of. */
  readonly withheld: number;
}

/** Where a walk begins whose log no longer holds what is before `first`. */
export async function floorStart(
  client: AuditClient,
  teamId: string,
  first: bigint,
  retry: RetryOptions,
): Promise<WalkStart> {
  const floor = await logFloor(client, teamId, first, retry, sha256);
  return { ...floor, reason: "floor", pruned: floor.size, withheld: 0 };
}

/**
 * Where the last finished walk ended, with the stream's cursor there; undefined if there was none.
 *
 * @throws UsageError if what is remembered of it is damaged.
 */
export async function savedStart({
  verifier,
  memory,
  teamId,
  checkpoint,
}: OpenLog): Promise<(WalkStart & { cursor: string }) | undefined> {
  const saved = await memory.walk(checkpoint.origin);
  if (saved === undefined) return undefined;
  const path = memory.pathOf(checkpoint.origin);
  const damaged = `${path} is damaged, or of another key: walk the whole log, without --since-last`;
  const { size, root } = await verifier
    .verifyCheckpoint(saved.checkpoint, teamId)
    .catch((cause: unknown) => {
      throw new UsageError(damaged, { cause });
    });
  const hashes = saved.hashes.map((text) => fromBase64(text) ?? new Uint8Array());
  const frontier = frontierOf({ size, hashes }, sha256);
  // Whatever is there now goes on from the last checkpoint, which was no smaller.
  const pruned = BigInt(saved.pruned ?? "0");
  const isSound = frontier !== undefined && equalBytes(frontier.root(), root);
  if (!isSound || size > checkpoint.size || pruned > size) throw new UsageError(damaged);
  const { cursor, withheld = 0 } = saved;
  return { reason: "last run", size, hashes, cursor, pruned, withheld };
}

/** What is said of a log without its first entries, unless that was expected. */
export function missingBeginning(pruned: bigint): VerificationFailure {
  const lines = [
    `verification failed: ${pruned === 1n ? "entry 1 is" : `entries 1 to ${pruned} are`} not there`,
    "  fault: sequence_gap; first bad sequence: 1",
    "  if that is known to be right, for old entries are no longer kept: --allow-pruned",
  ];
  return new VerificationFailure(lines.join("\n"));
}
