/** What is on the screen is in the address: every view can be sent to somebody. */
import { useCallback, useMemo } from "react";
import { useSearchParams } from "wouter";
import { parseInstant } from "../../client/instant.ts";
import { isTeamId } from "./team-id.ts";

/** A view of the trail. */
export interface View {
  /** `team-{uuid}`, or "all" for every team; undefined for the credential's own. */
  readonly team: string | undefined;
  /** The query line. Example: `action:create -status:success` */
  readonly query: string;
  /** The entry that is open, `log-{uuid}`, and its team where all teams are shown. */
  readonly entry: string | undefined;
  readonly entryTeam: string | undefined;
  /** Whether new entries come in by themselves. */
  readonly isLive: boolean;
  /** The time at which the trail was opened in its middle, in milliseconds since 1970. */
  readonly at: number | undefined;
}

/** The view without anything chosen. */
export const plainView: View = {
  team: undefined,
  query: "",
  entry: undefined,
  entryTeam: undefined,
  isLive: false,
  at: undefined,
};

/** Reads a view from an address. What is not understood is as if it were not there. */
export function parseView(search: URLSearchParams): View {
  const team = search.get("team") ?? undefined;
  const at = parseInstant(search.get("at") ?? "");
  return {
    team: team === "all" || (team !== undefined && isTeamId(team)) ? team : undefined,
    query: search.get("q") ?? "",
    entry: search.get("entry") ?? undefined,
    entryTeam: search.get("entry_team") ?? undefined,
    isLive: search.get("live") === "1",
    at,
  };
}

/** The view that a pasted address of this page leads to; undefined if it is something else. */
export function viewIn(text: string, origin: string): View | undefined {
  if (!URL.canParse(text)) return undefined;
  const url = new URL(text);
  return url.origin === origin && url.pathname === "/" ? parseView(url.searchParams) : undefined;
}

/** Writes a view as the address's search. Example: `team=all&q=action%3Acreate` */
export function formatView(view: View): URLSearchParams {
  const search = new URLSearchParams();
  if (view.team !== undefined) search.set("team", view.team);
  if (view.query !== "") search.set("q", view.query);
  if (view.at !== undefined) search.set("at", new Date(view.at).toISOString());
  if (view.isLive) search.set("live", "1");
  if (view.entry !== undefined) search.set("entry", view.entry);
  if (view.entryTeam !== undefined) search.set("entry_team", view.entryTeam);
  return search;
}

/** How the address changes. */
export interface GoOptions {
  /** Without a step for the back button. */
  readonly replace?: boolean;
}

/** The view, and the way to another: what is not named stays. */
export function useView(): [View, (change: Partial<View>, options?: GoOptions) => void] {
  const [search, setSearch] = useSearchParams();
  const view = useMemo(() => parseView(search), [search]);
  const go = useCallback(
    (change: Partial<View>, { replace = false }: GoOptions = {}) => {
      setSearch((now) => formatView({ ...parseView(now), ...change }), { replace });
    },
    [setSearch],
  );
  return [view, go];
}
