/** What an exported file is called. */
import type { TrailQuery } from "../trail/trail-query.ts";
import type { FormatName } from "./formats.ts";

/**
 * Team, time and format, for whoever finds the file later.
 * Example: `annals-team-5b1f3a52-5c0e-4f0e-8f8b-3d2a6f9e7c11-20261122T071530Z.csv`
 */
export function fileName(
  { teamId, allTeams }: Pick<TrailQuery, "teamId" | "allTeams">,
  format: FormatName,
  now: Date,
): string {
  const team = allTeams ? "all-teams" : (teamId ?? "team");
  const time = now.toISOString().replace(/[-:]|\.\d+/gu, "");
  return `annals-${team}-${time}.${format}`;
}
