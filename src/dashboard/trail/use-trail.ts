/** The trail of the current view. */
import { useEffect, useMemo } from "react";
import { LiveTrail } from "../live/live-trail.ts";
import { useSession } from "../session/session.tsx";
import { useView } from "../view/view.ts";
import type { TrailQuery } from "./trail-query.ts";
import { TrailStore } from "./trail-store.ts";

/** Rows, and what joins them. Both are read with useSyncExternalStore, so that each shows by itself. */
export interface Trail {
  readonly store: TrailStore;
  readonly live: LiveTrail;
}

/**
 * The trail of a query, at the view's time and live as the view says; another one for every query.
 *
 * It is no infinite query: what is paged and what arrives would be two caches that are trimmed apart,
 * with a gap or a repeat where they join.
 */
export function useTrail({ teamId, allTeams, filter }: TrailQuery): Trail {
  const { client, caller, isEnded } = useSession();
  const [{ at, isLive }, go] = useView();
  const trail = useMemo(() => {
    const store = new TrailStore(client, { teamId, allTeams, filter }, at);
    return { store, live: new LiveTrail(client, store, requestAnimationFrame) };
  }, [client, teamId, allTeams, filter, at]);

  useEffect(() => {
    trail.store.open();
    return () => {
      trail.live.turnOff();
      trail.store.close();
    };
  }, [trail]);

  // What is live is at the log's end, not in its middle.
  const isInMiddle = at !== undefined;
  useEffect(() => {
    if (isLive && isInMiddle) go({ at: undefined }, { replace: true });
    else if (isLive) trail.live.turnOn();
    else trail.live.turnOff();
  }, [trail, isLive, isInMiddle, go]);

  // A new caller is one who has signed in again.
  useEffect(() => {
    if (caller === undefined || isEnded) return;
    trail.store.renew();
    trail.live.renew();
  }, [trail, caller, isEnded]);
  return trail;
}
