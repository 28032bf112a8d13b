import type { TeamId } from "../ids.ts";

/** A head that was signed for a team's log, of one entry or more. */
export interface SignedHead {
  readonly teamId: TeamId;
  /** Entries in the log. */
  readonly size: bigint;
  /** The root hash of its tree, 32 bytes. */
  readonly root: Uint8Array;
  /** The signed note that says so, which begins with the log's origin. */
  readonly note: string;
}

/** What was put into a store, up to a revision of it. */
export interface StoreChanges {
  readonly heads: readonly SignedHead[];
  readonly revision: bigint;
}

/**
 * Keeps, for every team, the last head that was signed: what a database that was rolled back is
 * known by. It must not share the database's fate, so it is elsewhere and in none of its backups,
 * and all replicas share one.
 *
 * What {@link replace} has answered is on disk and seen by every process. Every method throws
 * {@link CheckpointStoreError} while the store cannot be reached or is damaged; a replacement may
 * have happened then, and is found by repeating it.
 */
export interface CheckpointStore {
  /** The last head signed for a team; undefined if there is none. */
  get(teamId: TeamId): Promise<SignedHead | undefined>;
  /**
   * Puts `next` in the place of `expected`, unless another process has replaced that meanwhile.
   * Returns the head that is there now: `next` itself, or the other's.
   *
   * @throws RangeError if `next` is smaller.
   */
  replace(expected: SignedHead | undefined, next: SignedHead): Promise<SignedHead | undefined>;
  /**
   * The same, with any head for `next`: its log has contradicted the one expected, and that was
   * accepted. The old note is kept, with the reason.
   */
  supersede(
    expected: SignedHead,
    next: SignedHead,
    reason: string,
  ): Promise<SignedHead | undefined>;
  /** Every team's last signed head, in groups. */
  all(): AsyncIterable<readonly SignedHead[]>;
  /** The heads put there since a revision (0: ever), in groups, each with the revision it reaches. */
  changesAfter(revision: bigint): AsyncIterable<StoreChanges>;
  /** Whether a head of a team of this size or more was superseded. */
  wasSuperseded(teamId: TeamId, size: bigint): Promise<boolean>;
  close(): Promise<void>;
}

/** The store cannot be reached, does not answer, or holds what was never put there. */
export class CheckpointStoreError extends Error {
  override readonly name = "CheckpointStoreError";
}
