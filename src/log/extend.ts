import { randomBytes } from "node:crypto";
import type { EntryId, TeamId } from "../ids.ts";
import { addEntries, type CountedTo, type Counts, countStride } from "./counts.ts";
import { type Entry, hasDetails, type Millis, type NewEntry } from "./entry.ts";
import { detailsDigest, leafHash, saltBytes } from "./leaf.ts";
import { Frontier } from "./merkle.ts";
import { sha256 } from "./sha256.ts";
import { type Tile, tileOf } from "./tile.ts";

/** The end of a team's log, as the next entry needs it. */
export interface LogEnd {
  readonly lastRecordTime: Millis | undefined;
  readonly frontier: Frontier;
  /** How many entries it has; undefined if that is not known, and then it is not counted on. */
  readonly counts?: number[] | undefined;
}

/** Where appending to a log has brought it. */
export interface GrownLog {
  readonly recordTime: Millis;
  readonly frontier: Frontier;
  readonly counts: Counts | undefined;
}

/** What new entries make of their logs. */
export interface Extension {
  /** By team and then id: the entries recorded before, and those that are appended. */
  readonly entries: EntriesById;
  /** The entries with their positions, times, digests and leaves. */
  readonly appended: readonly Entry[];
  /** The new ends of the logs that have grown. */
  readonly ends: ReadonlyMap<TeamId, GrownLog>;
  /** Tiles that have become full, lower levels first within a log. */
  readonly tiles: readonly Tile[];
  /** The counts to be stored, of the logs that are counted; those of a log in its order. */
  readonly countedTo: readonly CountedTo[];
}

const stride = BigInt(countStride);

/** By team and then id. */
export type EntriesById = ReadonlyMap<TeamId, ReadonlyMap<EntryId, Entry>>;

/**
 * Appends entries to the logs whose ends are given, in the order given; entries of other logs, those
 * already recorded, and all but the first under an id are passed over. The frontiers and counts given are
 * extended in place.
 *
 * The record time is `now`, or the log's last one if that is later.
 */
export function extendLogs(
  entries: readonly NewEntry[],
  logs: ReadonlyMap<TeamId, LogEnd>,
  recorded: readonly Entry[],
  now: Millis,
): Extension {
  const found = byTeamAndId(recorded);
  const appended: Entry[] = [];
  const ends = new Map<TeamId, GrownLog>();
  const tiles: Tile[] = [];
  const countedTo: CountedTo[] = [];
  const salts = randomBytes(saltBytes * entries.length);
  for (const entry of entries) {
    const { teamId } = entry;
    const log = logs.get(teamId);
    if (log === undefined) continue;
    const ids = found.get(teamId) ?? new Map<EntryId, Entry>();
    if (ids.has(entry.id)) continue;
    const recordTime = Math.max(now, log.lastRecordTime ?? now);
    const salt = salts.subarray(saltBytes * appended.length, saltBytes * (appended.length + 1));
    const next = record(entry, log.frontier.size + 1n, recordTime, salt);
    log.frontier.append(next.leafHash, (subtree) => {
      const tile = tileOf(teamId, subtree);
      if (tile !== undefined) tiles.push(tile);
    });
    appended.push(next);
    found.set(teamId, ids.set(next.id, next));
    const { frontier, counts } = log;
    if (counts !== undefined) {
      addEntries(counts, next);
      if (next.sequence % stride === 0n) {
        countedTo.push({ teamId, size: next.sequence, recordTime, counts: [...counts] });
      }
    }
    ends.set(teamId, { recordTime, frontier, counts });
  }
  return { entries: found, appended, ends, tiles, countedTo };
}

function byTeamAndId(entries: readonly Entry[]): Map<TeamId, Map<EntryId, Entry>> {
  const teams = new Map<TeamId, Map<EntryId, Entry>>();
  for (const entry of entries) {
    const ids = teams.get(entry.teamId) ?? new Map<EntryId, Entry>();
    teams.set(entry.teamId, ids.set(entry.id, entry));
  }
  return teams;
}

function record(
  entry: NewEntry,
  sequence: bigint,
  recordTime: Millis,
  detailsSalt: Uint8Array,
): Entry {
  const digest = detailsDigest(sha256, detailsSalt, entry.details);
  const recorded = {
    ...entry,
    recordTime,
    detailsDigest: digest,
    sequence,
    detailsState: hasDetails(entry.details) ? ("present" as const) : ("none" as const),
    detailsSalt,
    // In place below: one copy of the entry is enough.
    leafHash: digest,
  };
  recorded.leafHash = leafHash(sha256, recorded);
  return recorded;
}

/** The log's frontier from the hashes that its head stores, 32 bytes each. */
export function frontierFrom(size: bigint, hashes: Uint8Array): Frontier {
  const list: Uint8Array[] = [];
  for (let at = 0; at < hashes.length; at += 32) list.push(hashes.subarray(at, at + 32));
  return new Frontier(sha256, size, list);
}
