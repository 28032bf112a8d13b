import type { Checkpoint } from "../../log/checkpoint.ts";

/** A checkpoint whose signatures and origin a `Verifier` has verified. */
export interface VerifiedCheckpoint extends Checkpoint {
  /** The signed note it was read from. */
  readonly note: string;
  /** The team whose log it is of, as `team-{uuid}`. */
  readonly teamId: string;
}
