/** The trail: what happened, filtered, over time, and live. */
import { EntryDrawer } from "../entry/entry-drawer.tsx";
import { ExportButton } from "../export/export-button.tsx";
import { FilterBar } from "../filter/filter-bar.tsx";
import { useFilter } from "../filter/use-filter.ts";
import { ChooseTeam } from "../states/choose-team.tsx";
import { Failure } from "../states/failure.tsx";
import { Forbidden } from "../states/forbidden.tsx";
import { Loading } from "../states/loading.tsx";
import { Timeline } from "../timeline/timeline.tsx";
import { useChosenLog } from "../view/chosen-log.ts";
import { EntryTable } from "./entry-table.tsx";
import { LiveSwitch } from "./live-switch.tsx";
import classes from "./trail-page.module.css";
import type { TrailQuery } from "./trail-query.ts";
import { useTrail } from "./use-trail.ts";

/** The page at `/`. */
export function TrailPage() {
  const { teamId, isAllTeams, permissions, error } = useChosenLog();
  const { filter } = useFilter();
  if (error) return <Failure error={error} />;
  if (!permissions) return <Loading what="Opening the trail" />;
  if (isAllTeams ? !permissions.readAllTeams : permissions.readableScopes.length === 0) {
    return <Forbidden what="read this trail" />;
  }
  if (!isAllTeams && teamId === undefined) return <ChooseTeam />;
  if (filter === undefined) {
    // Half a filter would show what the line does not mean, so nothing is read until it is mended.
    return (
      <div className={classes.page}>
        <FilterBar seenEntries={() => []} />
      </div>
    );
  }
  return <Trail query={{ teamId, allTeams: isAllTeams, filter }} />;
}

function Trail({ query }: { query: TrailQuery }) {
  const trail = useTrail(query);
  return (
    <div className={classes.page}>
      <FilterBar seenEntries={() => trail.store.getRows().rows} />
      <Timeline query={query} />
      <div className={classes.toolbar}>
        <LiveSwitch trail={trail} />
        <ExportButton query={query} />
      </div>
      <EntryTable trail={trail} query={query} />
      <EntryDrawer query={query} />
    </div>
  );
}
