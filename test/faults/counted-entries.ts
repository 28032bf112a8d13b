import pg from "pg";
import { expect } from "vitest";
import type { RecorderStats } from "../../src/client/recorder/stats.ts";
import type { CountedBy } from "../support/recorder-traffic.ts";
import { readStoredLog } from "./stored-log.ts";

/** What the database holds of a RecorderTraffic. */
export interface CountedEntries {
  /** How many. */
  readonly total: number;
  /** A caller's numbers in one team after the other. */
  of(caller: string): number[];
  /** Entries that say how many were dropped, by their metadata. */
  readonly dropped: readonly DroppedEntry[];
}

/** The metadata of an `audit.entries_dropped` entry. */
export type DroppedEntry = Readonly<Record<string, unknown>>;

/**
 * Reads the whole database. Fails the test unless every log is dense and without repeats, and every
 * caller's entries of a team are there once each and in the caller's order.
 */
export async function readCountedEntries(databaseUrl: string): Promise<CountedEntries> {
  const rows = await query<{ team: string; action: string; metadata: DroppedEntry }>(
    databaseUrl,
    `SELECT team_id::text AS team, action, metadata FROM control_plane.audit_logs
     ORDER BY team_id, sequence`,
  );
  const numbers = new Map<string, Map<string, number[]>>();
  for (const { team, action, metadata } of rows) {
    if (action !== "count") continue;
    const { caller, number } = metadata as unknown as CountedBy;
    const teams = numbers.get(caller) ?? new Map<string, number[]>();
    numbers.set(caller, teams);
    const own = teams.get(team) ?? [];
    teams.set(team, own);
    const last = own.at(-1) ?? 0;
    if (number <= last) expect.fail(`${caller}: ${number} comes after ${last} in ${team}`);
    own.push(number);
  }
  for (const team of new Set(rows.map((row) => row.team))) {
    await readStoredLog(databaseUrl, `team-${team}`);
  }
  return {
    total: rows.filter(({ action }) => action === "count").length,
    of: (caller) => [...(numbers.get(caller)?.values() ?? [])].flat(),
    dropped: rows
      .filter(({ action }) => action === "audit.entries_dropped")
      .map(({ metadata }) => metadata),
  };
}

/** Fails the test unless a traffic's entries are in the database, all of them. */
export function expectAll(
  stored: CountedEntries,
  { taken, callers }: { readonly taken: number; readonly callers: readonly string[] },
): void {
  // In order and without repeats, as was checked: so what is as many is the same.
  const counts = callers.map((caller) => stored.of(caller).length);
  expect(counts.reduce((sum, count) => sum + count, 0)).toBe(taken);
}

/** Fails the test if a recorder has dropped or been refused anything. */
export function expectNoneLost({ dropped, refused }: RecorderStats): void {
  expect({ dropped, refused }).toEqual({
    dropped: { overflow: 0, exit: 0, closed: 0, damaged: 0 },
    refused: {},
  });
}

/** How many of these callers' entries are in the database, which may be written to meanwhile. */
export async function countEntries(databaseUrl: string, callers: string): Promise<number> {
  const rows = await query<{ count: string }>(
    databaseUrl,
    `SELECT count(*) FROM control_plane.audit_logs
     WHERE action = 'count' AND metadata->>'caller' LIKE $1`,
    [`${callers} %`],
  );
  return Number(rows[0]?.count);
}

/** How many entries a recorder has dropped, for whatever reason. */
export function droppedBy({ dropped }: Pick<RecorderStats, "dropped">): number {
  return Object.values(dropped).reduce((sum, count) => sum + count, 0);
}

async function query<Row extends pg.QueryResultRow>(
  url: string,
  sql: string,
  values: unknown[] = [],
): Promise<Row[]> {
  const session = new pg.Client({ connectionString: url });
  await session.connect();
  try {
    return (await session.query<Row>(sql, values)).rows;
  } finally {
    await session.end();
  }
}
