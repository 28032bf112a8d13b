import type { TeamIdText } from "../../client/new-entry.ts";
import { parseTeamId } from "../../ids.ts";

/** Whether a text is a team's id, `team-{uuid}`. */
export function isTeamId(text: string): text is TeamIdText {
  return parseTeamId(text) !== undefined;
}
