import type { EntryId, TeamId } from "../../src/ids.ts";
import { addEntries, type CountedTo, countStride } from "../../src/log/counts.ts";
import { type Entry, hasDetails, type Millis, type NewEntry } from "../../src/log/entry.ts";

/**
 * Stands in for `src/log/extend.ts` in the append that is the baseline: positions and times are
 * assigned and the same columns filled, but nothing is hashed and there is no tree.
 */

const constant = new Uint8Array(32);

interface Size {
  size: bigint;
  readonly hashes: readonly Uint8Array[];
}

interface LogEnd {
  readonly lastRecordTime: Millis | undefined;
  readonly frontier: Size;
  readonly counts?: number[] | undefined;
}

/** As `extendLogs`, without salts, digests, leaves, frontier and tiles. */
export function extendLogs(
  entries: readonly NewEntry[],
  logs: ReadonlyMap<TeamId, LogEnd>,
  recorded: readonly Entry[],
  now: Millis,
) {
  const found = new Map<TeamId, Map<EntryId, Entry>>();
  const idsOf = (teamId: TeamId) => {
    const ids = found.get(teamId) ?? new Map<EntryId, Entry>();
    found.set(teamId, ids);
    return ids;
  };
  for (const entry of recorded) idsOf(entry.teamId).set(entry.id, entry);
  const appended: Entry[] = [];
  const ends = new Map<
    TeamId,
    { recordTime: Millis; frontier: Size; counts: number[] | undefined }
  >();
  const countedTo: CountedTo[] = [];
  for (const entry of entries) {
    const { teamId } = entry;
    const log = logs.get(teamId);
    if (log === undefined) continue;
    const ids = idsOf(teamId);
    if (ids.has(entry.id)) continue;
    const recordTime = Math.max(now, log.lastRecordTime ?? now);
    log.frontier.size += 1n;
    const next: Entry = {
      ...entry,
      recordTime,
      detailsDigest: constant,
      sequence: log.frontier.size,
      detailsState: hasDetails(entry.details) ? "present" : "none",
      detailsSalt: constant,
      leafHash: constant,
    };
    appended.push(next);
    ids.set(next.id, next);
    const { frontier, counts } = log;
    if (counts !== undefined) {
      addEntries(counts, entry);
      if (frontier.size % BigInt(countStride) === 0n) {
        countedTo.push({ teamId, size: frontier.size, recordTime, counts: [...counts] });
      }
    }
    ends.set(teamId, { recordTime, frontier, counts });
  }
  return { entries: found, appended, ends, tiles: [], countedTo };
}

/** As `frontierFrom`, of which only the size is left. */
export function frontierFrom(size: bigint): Size {
  return { size, hashes: [] };
}
