import type { EntryFilter } from "../../client/entry-filter.ts";
import type { TeamIdText } from "../../client/new-entry.ts";

/** Which entries are looked at: of one team or of all, and by what filter. */
export interface TrailQuery {
  /** Given unless `allTeams`. */
  readonly teamId: TeamIdText | undefined;
  readonly allTeams: boolean;
  readonly filter: EntryFilter;
}
