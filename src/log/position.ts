import { platformTeamId, type TeamId } from "../ids.ts";
import type { Millis } from "./entry.ts";

/** Bytes of a leaf hash that a position keeps, to notice a log that was rolled back. */
export const leafPrefixBytes = 8;

/**
 * A place in a team's log: after the entry of this sequence, which had a leaf hash of this
 * prefix. Sequence 0 (with an empty prefix) is before the first entry.
 */
export interface Position {
  readonly sequence: bigint;
  readonly leafPrefix: Uint8Array;
}

/** Before the first entry of a log. */
export const origin: Position = { sequence: 0n, leafPrefix: new Uint8Array() };

/** The place right after an entry. */
export function positionAfter(entry: { sequence: bigint; leafHash: Uint8Array }): Position {
  return { sequence: entry.sequence, leafPrefix: entry.leafHash.slice(0, leafPrefixBytes) };
}

/** A place in the entries of all teams, which are ordered by time, team and sequence. */
export interface GlobalPosition {
  readonly recordTime: Millis;
  readonly teamId: TeamId;
  readonly sequence: bigint;
}

/** The place right after an entry, in the entries of all teams. */
export function placeOf({ recordTime, teamId, sequence }: GlobalPosition): GlobalPosition {
  return { recordTime, teamId, sequence };
}

/** The place before every entry recorded at a time or later. */
export function placeBefore(time: Millis): GlobalPosition {
  return { recordTime: time, teamId: platformTeamId, sequence: 0n };
}
