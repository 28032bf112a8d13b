import { parseTeamId } from "../../ids.ts";
import type { NewEntry } from "../new-entry.ts";
import type { DropReason } from "./stats.ts";

interface Hole {
  entries: number;
  readonly reasons: Map<DropReason, number>;
  readonly firstMs: number;
  lastMs: number;
}

/**
 * Holes of more teams than this are told of together, in the log of the credential's own team, as are those of
 * what is no team.
 */
const maxTeams = 1_000;

/** What was dropped and has not been told to the log yet. */
export class Holes {
  #byTeam = new Map<string, Hole>();

  get empty(): boolean {
    return this.#byTeam.size === 0;
  }

  /** Counts entries that are lost. */
  add(teamId: string, reason: DropReason, entries = 1): void {
    const known = this.#byTeam.has(teamId) || this.#byTeam.size < maxTeams;
    const key = known && parseTeamId(teamId) !== undefined ? teamId : "";
    const now = Date.now();
    const hole = this.#byTeam.get(key) ?? {
      entries: 0,
      reasons: new Map<DropReason, number>(),
      firstMs: now,
      lastMs: now,
    };
    hole.entries += entries;
    hole.reasons.set(reason, (hole.reasons.get(reason) ?? 0) + entries);
    hole.lastMs = now;
    this.#byTeam.set(key, hole);
  }

  /** The entries that tell of them, one for each log; they count as told. */
  take(): NewEntry[] {
    const byTeam = this.#byTeam;
    this.#byTeam = new Map();
    return [...byTeam].map(([teamId, hole]) => entryOf(teamId, hole));
  }
}

function entryOf(teamId: string, { entries, reasons, firstMs, lastMs }: Hole): NewEntry {
  return {
    ...(teamId !== "" && { teamId: teamId as `team-${string}` }),
    action: "audit.entries_dropped",
    scope: "admin",
    status: "error",
    metadata: {
      entries,
      reasons: Object.fromEntries(reasons),
      first_time: new Date(firstMs).toISOString(),
      last_time: new Date(lastMs).toISOString(),
    },
  };
}
