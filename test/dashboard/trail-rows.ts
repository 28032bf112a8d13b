import type { EntryJson } from "../../src/client/entry-json.ts";
import { type TrailRow, trailRow } from "../../src/dashboard/trail/trail-row.ts";

const epoch = Date.UTC(2026, 0, 1);

/** Entries `from` to `to` of a team, by sequence: three of them in each millisecond. */
export function logEntries(team: string, from: number, to: number): EntryJson[] {
  return Array.from({ length: Math.max(0, to - from + 1) }, (_, n) => logEntry(team, from + n));
}

/** Their rows. */
export function trailRows(team: string, from: number, to: number): TrailRow[] {
  return logEntries(team, from, to).map(trailRow);
}

function logEntry(team: string, sequence: number): EntryJson {
  const digits = sequence.toString(16).padStart(12, "0");
  const letter = team.charCodeAt(0).toString(16).padStart(12, "0");
  return {
    id: `log-00000000-0000-7000-8000-${digits}`,
    teamId: `team-00000000-0000-7000-8000-${letter}`,
    sequence,
    recorder: { type: "service", id: "billing" },
    actor: { type: "user", id: "usr-00000000-0000-7000-8000-000000000001", name: "Ada" },
    action: sequence % 10 === 0 ? "destroy" : "create",
    scope: "team",
    status: "success",
    recordTime: new Date(epoch + Math.floor(sequence / 3)).toISOString(),
    detailsState: "present",
    detailsDigest: "",
    leafHash: "",
  };
}
