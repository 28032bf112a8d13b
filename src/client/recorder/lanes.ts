import type { EncodedEntry } from "./encode-entry.ts";
import type { SpilledEntry, SpillPlace } from "./spill/spill.ts";

/** An entry on its way. */
export interface Pending extends EncodedEntry {
  /** Which `flush` waits for it: those begun later than this. */
  readonly epoch: number;
  /** Where it lies on disk, if it came from there. */
  readonly spilled?: SpilledEntry;
  /** Where it belongs on disk, should it have to go there, if not behind everything. */
  place?: SpillPlace | undefined;
  /** Times that the server failed on it with an error that it did not expect. */
  failures: number;
}

interface Lane {
  entries: Pending[];
  /** Those before it have been taken. */
  next: number;
}

/** Why a team waits, and till when in the time of `performance.now()`. */
interface Hold {
  readonly until: number;
  readonly failures: number;
}

/**
 * Entries in memory, a lane for each team: first in, first out within it, so that callers' order holds; a
 * team that the server cannot take yet waits alone.
 */
export class Lanes {
  /** Whoever is first has its turn next. */
  readonly #lanes = new Map<string, Lane>();
  readonly #holds = new Map<string, Hold>();

  push(entry: Pending): void {
    let lane = this.#lanes.get(entry.teamId);
    if (lane === undefined) {
      lane = { entries: [], next: 0 };
      this.#lanes.set(entry.teamId, lane);
    }
    lane.entries.push(entry);
  }

  /** Takes entries of the teams whose turn it is: at least one if there is any, else within both limits. */
  take(maxEntries: number, maxBytes: number, now: number): Pending[] {
    const batch: Pending[] = [];
    let bytes = 0;
    for (const [teamId, lane] of [...this.#lanes]) {
      if ((this.#holds.get(teamId)?.until ?? 0) > now) continue;
      for (let entry = lane.entries[lane.next]; entry; entry = lane.entries[lane.next]) {
        const full = batch.length >= maxEntries || bytes + entry.data.length > maxBytes;
        if (full && batch.length > 0) break;
        batch.push(entry);
        bytes += entry.data.length;
        lane.next += 1;
      }
      this.#lanes.delete(teamId);
      // Behind the others, so that a busy team does not keep them waiting.
      if (lane.next < lane.entries.length) this.#lanes.set(teamId, compacted(lane));
      if (batch.length >= maxEntries || bytes >= maxBytes) break;
    }
    return batch;
  }

  /** Puts entries that were taken back to the front of their lanes, in this order. */
  putBack(entries: readonly Pending[]): void {
    for (const [teamId, ofTeam] of Map.groupBy(entries, (entry) => entry.teamId)) {
      const lane = this.#lanes.get(teamId);
      if (lane === undefined) {
        this.#lanes.set(teamId, { entries: ofTeam, next: 0 });
      } else if (lane.next >= ofTeam.length) {
        // Where they were taken from, mostly: a long lane is not copied for a call that failed.
        lane.next -= ofTeam.length;
        for (const [i, entry] of ofTeam.entries()) lane.entries[lane.next + i] = entry;
      } else {
        lane.entries = [...ofTeam, ...lane.entries.slice(lane.next)];
        lane.next = 0;
      }
    }
  }

  /** Has a team wait alone; `delayOf` answers how long, from how often it was held in a row. */
  hold(teamId: string, now: number, delayOf: (failures: number) => number): void {
    const failures = (this.#holds.get(teamId)?.failures ?? 0) + 1;
    this.#holds.set(teamId, { until: now + delayOf(failures), failures });
  }

  /** How many entries wait because their team is held; 0 if it is not. */
  heldOf(teamId: string): number {
    const lane = this.#lanes.get(teamId);
    if (lane === undefined || !this.#holds.has(teamId)) return 0;
    return lane.entries.length - lane.next;
  }

  /** A team's entries are being taken again. */
  release(teamId: string): void {
    this.#holds.delete(teamId);
  }

  /** When the next entry may be taken, in the time of `performance.now()`; undefined if there is none. */
  get readyAt(): number | undefined {
    let first: number | undefined;
    for (const teamId of this.#lanes.keys()) {
      const { until } = this.#holds.get(teamId) ?? { until: 0 };
      if (first === undefined || until < first) first = until;
    }
    return first;
  }

  /** Empties all lanes. */
  clear(): Pending[] {
    const all = [...this.#lanes.values()].flatMap(({ entries, next }) => entries.slice(next));
    this.#lanes.clear();
    return all;
  }
}

/** Without what has been taken, once that is the greater part: amortised, it costs nothing. */
function compacted(lane: Lane): Lane {
  if (lane.next * 2 <= lane.entries.length) return lane;
  return { ...lane, entries: lane.entries.slice(lane.next), next: 0 };
}
