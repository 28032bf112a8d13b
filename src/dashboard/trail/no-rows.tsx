/** Instead of rows, when there are none to be had. */
import { EmptyTeam } from "../states/empty-team.tsx";
import { NothingFound } from "../states/nothing-found.tsx";
import { useView } from "../view/view.ts";
import type { TrailStore } from "./trail-store.ts";

/** An empty team, or a filter that matches nothing. */
export function NoRows({ store }: { store: TrailStore }) {
  const [{ query, at }] = useView();
  const { teamId } = store.query;
  if (query !== "" || at !== undefined || teamId === undefined) return <NothingFound />;
  return <EmptyTeam teamId={teamId} onFirstEntry={() => store.reload()} />;
}
