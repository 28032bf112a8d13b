import { useQuery } from "@tanstack/react-query";
import { useSession } from "../session/session.tsx";
import { pageAlarms } from "./page-alarms.ts";
import { pageStorage } from "./page-storage.ts";

/**
 * The check of a team's log, made once when the log is opened; `isAnew` makes another one for a
 * component that appears later. What verifies is loaded with it. Without a team there is none.
 */
export function useLogCheck(teamId: string | undefined, { isAnew = false } = {}) {
  const { client } = useSession();
  return useQuery({
    queryKey: ["log check", teamId],
    queryFn: async ({ signal }) => {
      const { checkLog } = await import("./check-log.ts");
      return checkLog({
        ...{ proofs: client.proofs, teamId: teamId ?? "", signal, nowMs: Date.now },
        ...{ storage: pageStorage(), alarms: pageAlarms() },
      });
    },
    enabled: teamId !== undefined,
    refetchOnMount: isAnew ? "always" : false,
    structuralSharing: false,
  });
}
