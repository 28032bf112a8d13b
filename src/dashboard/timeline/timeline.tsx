/** How much happened when: the counts of the range, and the way into a part of it. */

import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { useQuery } from "@connectrpc/connect-query";
import { Skeleton } from "@mantine/core";
import { keepPreviousData } from "@tanstack/react-query";
import { lazy, Suspense, useCallback, useMemo } from "react";
import { AuditService } from "../../../gen/audit/v1/audit_service_pb.ts";
import { filterMessage } from "../../client/entry-filter.ts";
import { formatQueryTime } from "../filter/query-time.ts";
import { withTimes } from "../filter/term.ts";
import { useTerms } from "../filter/use-terms.ts";
import { failureMessage } from "../states/failure-message.ts";
import { useZone } from "../time/zone.tsx";
import type { TrailQuery } from "../trail/trail-query.ts";
import { useView } from "../view/view.ts";
import { ChartBoundary } from "./chart-boundary.tsx";
import { TimelineLegend } from "./legend.tsx";
import { bucketOriginMs, type Stretch, summaryOf, widened } from "./summary.ts";
import classes from "./timeline.module.css";

const TimelineChart = lazy(() => import("./chart.tsx"));

/** How often the counts are read again while entries come in: milliseconds. */
const liveRefreshMs = 5_000;

/** The timeline of a team's trail. */
export function Timeline({ query }: { query: TrailQuery }) {
  if (query.allTeams || query.teamId === undefined) {
    return <p className={classes.quiet}>The timeline is of one team: choose one to see it.</p>;
  }
  // Another team's counts must not stand in while its own are read.
  return <TeamTimeline key={query.teamId} query={query} />;
}

function TeamTimeline({ query: { teamId, filter } }: { query: TrailQuery }) {
  const [{ isLive }] = useView();
  const [zone] = useZone();
  const [terms, setTerms] = useTerms();
  const request = useMemo(
    () => ({
      teamId: teamId ?? "",
      filter: filterMessage(filter),
      bucketOrigin: timestampFromMs(bucketOriginMs(Date.now(), zone)),
    }),
    [teamId, filter, zone],
  );
  const { data, error, refetch, isPlaceholderData } = useQuery(
    AuditService.method.summarize,
    request,
    { placeholderData: keepPreviousData, refetchInterval: isLive && liveRefreshMs },
  );
  const summary = useMemo(() => data && summaryOf(data), [data]);
  const show = useCallback(
    ({ fromMs, toMs }: Partial<Stretch>) => {
      const bound = (ms?: number) => (ms === undefined ? undefined : formatQueryTime(ms, zone));
      setTerms(withTimes(terms, { since: bound(fromMs), until: bound(toMs) }));
    },
    [terms, setTerms, zone],
  );
  const zoomOut = useCallback(() => {
    if (summary === undefined) return;
    // Around what is asked for: what is drawn may still be the range before.
    const fromMs = filter.recordTime?.from?.getTime() ?? summary.startMs;
    const toMs = filter.recordTime?.to?.getTime() ?? summary.endMs;
    const logStartMs = isPlaceholderData ? undefined : summary.startMs;
    show(widened({ fromMs, toMs }, Date.now(), logStartMs));
  }, [summary, show, filter, isPlaceholderData]);
  const isNarrowed = terms.some(
    ({ field, isExcluded }) => !isExcluded && (field === "since" || field === "until"),
  );

  if (data === undefined) {
    if (error === null) return <Skeleton className={classes.chart ?? ""} aria-label="Counting" />;
    return (
      <p className={classes.quiet} role="status">
        The timeline could not be read. {failureMessage(error).title}{" "}
        <button type="button" className={classes.link} onClick={() => void refetch()}>
          Try again
        </button>
      </p>
    );
  }
  if (summary === undefined) return null;
  return (
    <section className={classes.timeline} aria-label="Timeline" aria-busy={isPlaceholderData}>
      <TimelineLegend summary={summary} zone={zone} onZoomOut={isNarrowed ? zoomOut : undefined} />
      <ChartBoundary>
        <Suspense fallback={<div className={classes.chart} />}>
          <TimelineChart summary={summary} zone={zone} onZoom={show} onZoomOut={zoomOut} />
        </Suspense>
      </ChartBoundary>
    </section>
  );
}
