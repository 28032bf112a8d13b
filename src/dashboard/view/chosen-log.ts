/** Whose log the page shows. */
import { useQuery } from "@connectrpc/connect-query";
import { AccessService, type Permissions } from "../../../gen/audit/v1/access_service_pb.ts";
import type { TeamIdText } from "../../client/new-entry.ts";
import { useSession } from "../session/session.tsx";
import { isTeamId } from "./team-id.ts";
import { useView } from "./view.ts";

/** A team's log, or every team's. */
export interface ChosenLog {
  /** Undefined when all teams are chosen, or none yet. */
  readonly teamId: TeamIdText | undefined;
  readonly isAllTeams: boolean;
  /** What the reader may do there; undefined until the server has said it. */
  readonly permissions: Permissions | undefined;
  /** Whether the server signs checkpoints, so that the log can be verified; undefined until then. */
  readonly isSigned: boolean | undefined;
  /** Why the server will not say it: PERMISSION_DENIED for somebody else's team. */
  readonly error: Error | null;
}

/** The log that the view names, or the credential's own. */
export function useChosenLog(): ChosenLog {
  const { caller } = useSession();
  const [{ team }] = useView();
  const own = caller?.teamId ?? "";
  const isAllTeams = team === "all";
  const named = isAllTeams ? "" : (team ?? own);
  const { data, error } = useQuery(AccessService.method.getCaller, { teamId: named });
  return {
    teamId: isTeamId(named) ? named : undefined,
    isAllTeams,
    permissions: data?.permissions,
    isSigned: data?.signsCheckpoints,
    error,
  };
}
