/** Teams as people see them: there are no names, only ids. */

/** The log of shared resources. */
export const platformTeam = "team-00000000-0000-0000-0000-000000000000";

/** A team's id cut short where that leaves it recognisable. Example: `team-5b1f3a52…7c11` */
export function shortTeam(teamId: string): string {
  if (teamId === platformTeam) return "Platform team";
  return teamId.length > 20 ? `${teamId.slice(0, 13)}…${teamId.slice(-4)}` : teamId;
}

/** Whether a search finds a team: by any part of its id, or as the platform's. */
export function isFound(teamId: string, search: string): boolean {
  const wanted = search.trim().toLowerCase();
  return (
    teamId.includes(wanted) ||
    (teamId === platformTeam && "platform team".includes(wanted) && wanted !== "")
  );
}
