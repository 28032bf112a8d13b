/** Waiting for a log's first entry. */
import { useEffect, useEffectEvent } from "react";
import type { TeamIdText } from "../../client/new-entry.ts";
import { useSession } from "../session/session.tsx";

/**
 * Calls `onFirst` once, as soon as the team's log has an entry that the reader may read. Watches the
 * log's stream, which goes on by itself after interruptions.
 */
export function useFirstEntry(teamId: TeamIdText, onFirst: () => void): void {
  const { client, isEnded } = useSession();
  const arrived = useEffectEvent(onFirst);
  useEffect(() => {
    if (isEnded) return;
    const ended = new AbortController();
    const watch = async () => {
      for await (const _ of client.tail({ teamId, last: 1, signal: ended.signal })) {
        arrived();
        return;
      }
    };
    // A refusal is told to the session, and with it this begins again; else there is only waiting.
    watch().catch((reason: unknown) => console.debug("the first entry is not watched for", reason));
    return () => ended.abort();
  }, [client, teamId, isEnded]);
}
