/** How much of a log was verified: all of it, or less. */
import type { VerifiedCheckpoint } from "../client/verify/checkpoint.ts";
import { VerificationFailure } from "./failure.ts";

/** What a walk up to a checkpoint has shown, earlier runs that it goes on from included. */
export interface Extent {
  readonly checkpoint: VerifiedCheckpoint;
  /** Entries at the beginning that are not there. */
  readonly pruned: bigint;
  /** Positions of which only the hash is there. */
  readonly withheld: number;
}

/** Whether every entry was there and was opened. */
export function isWhole({ pruned, withheld }: Extent): boolean {
  return pruned === 0n && withheld === 0;
}

/** The headline: no more than what was shown. */
export function extentText(extent: Extent): string {
  const { checkpoint, pruned, withheld } = extent;
  const { origin, size } = checkpoint;
  if (size === 0n) return `${origin} has no entries`;
  if (isWhole(extent)) return `${origin} is whole and unchanged up to entry ${size}`;
  const all = size - pruned;
  const opened = withheld === 0 ? "" : `: ${all - BigInt(withheld)} of ${all} entries opened`;
  return pruned === 0n
    ? `no position of ${origin} up to entry ${size} is missing or changed${opened}`
    : `entries ${pruned + 1n} to ${size} of ${origin} are unchanged${opened}; ` +
        `1 to ${pruned} are not there`;
}

/** @throws VerificationFailure if of any position there is only the hash. */
export function requireOpened({ withheld }: Extent): void {
  if (withheld === 0) return;
  throw new VerificationFailure(
    `verification failed: ${withheld} positions as hashes only: what they say was not seen, and ` +
      "--require-opened is given",
  );
}
