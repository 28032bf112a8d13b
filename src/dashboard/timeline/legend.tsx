/** What the timeline's counts add up to. */
import { VisuallyHidden } from "@mantine/core";
import { onlyTerm, removeTerm } from "../filter/term.ts";
import { shortTime } from "../filter/term-text.ts";
import { useTerms } from "../filter/use-terms.ts";
import type { Zone } from "../time/zone.tsx";
import { byStatusText, countText, entriesText } from "./counts-text.ts";
import { type Summary, stackedStatuses } from "./summary.ts";
import { stretchWords } from "./time-axis.ts";
import classes from "./timeline.module.css";

interface LegendProps {
  readonly summary: Summary;
  readonly zone: Zone;
  /** Undefined if all of the time is shown. */
  readonly onZoomOut: (() => void) | undefined;
}

/** The totals by status, each a way to filter by it, and the same as a sentence. */
export function TimelineLegend({ summary, zone, onZoomOut }: LegendProps) {
  const [terms, setTerms] = useTerms();
  const { startMs, endMs, totals, total, countedFromMs } = summary;
  const asked = terms.find(({ field, isExcluded }) => field === "status" && !isExcluded);
  const byStatus = byStatusText((status) => totals[status]);
  return (
    <div className={classes.legend}>
      <VisuallyHidden>
        {entriesText(total)} in {stretchWords(startMs, endMs, zone)}
        {byStatus === "" ? "" : `: ${byStatus}`}.
      </VisuallyHidden>
      <span aria-hidden className={classes.total}>
        {entriesText(total)}
      </span>
      {stackedStatuses.map((status) => {
        const isAsked = asked?.values.includes(status) ?? false;
        const isOnly = isAsked && asked?.values.length === 1;
        return (
          <button
            key={status}
            type="button"
            className={classes.status}
            data-status={status}
            data-none={totals[status] === 0 || undefined}
            aria-pressed={isAsked}
            aria-label={`Only ${status}: ${entriesText(totals[status])}`}
            onClick={() =>
              setTerms(isOnly ? removeTerm(terms, asked) : onlyTerm(terms, "status", status))
            }
          >
            {status} <strong>{countText(totals[status])}</strong>
          </button>
        );
      })}
      {countedFromMs !== undefined && (
        <span className={classes.note}>
          Counted back to {shortTime(countedFromMs, zone)}; what is older is not counted under this
          filter.
        </span>
      )}
      {onZoomOut && (
        <button type="button" className={classes.link} onClick={onZoomOut}>
          Zoom out
        </button>
      )}
    </div>
  );
}
