/** The histogram, and what a pointer and the keyboard do in it. Loaded when it is needed. */
import { useComputedColorScheme } from "@mantine/core";
import { type KeyboardEvent, useEffect, useRef, useState } from "react";
import type { Zone } from "../time/zone.tsx";
import { byStatusText, countText } from "./counts-text.ts";
import { createHistogram, type Histogram } from "./histogram.ts";
import { bucketStretch, type Stretch, type Summary, stackedStatuses } from "./summary.ts";
import { stretchWords } from "./time-axis.ts";
import classes from "./timeline.module.css";

interface ChartProps {
  readonly summary: Summary;
  readonly zone: Zone;
  onZoom(stretch: Stretch): void;
  onZoomOut(): void;
}

/** A bucket that is pointed at, and where: pixels from the chart's left. */
interface Pointed {
  readonly index: number;
  readonly left: number;
}

/** Drag or click to zoom in, double-click to zoom out; arrow keys and Enter do the same. */
export default function TimelineChart({ summary, zone, onZoom, onZoomOut }: ChartProps) {
  const scheme = useComputedColorScheme();
  const place = useRef<HTMLDivElement>(null);
  const histogram = useRef<Histogram>(undefined);
  const latest = useRef({ summary, onZoom, onZoomOut });
  const [pointed, setPointed] = useState<Pointed>();
  latest.current = { summary, onZoom, onZoomOut };

  // biome-ignore lint/correctness/useExhaustiveDependencies: the colours are read when it is made
  useEffect(() => {
    if (place.current === null) return;
    const made = createHistogram(place.current, {
      zone,
      summary: latest.current.summary,
      onPoint: (index, left) => setPointed(index === undefined ? undefined : { index, left }),
      onZoom: (stretch) => latest.current.onZoom(stretch),
      onZoomOut: () => latest.current.onZoomOut(),
    });
    histogram.current = made;
    return () => {
      made.close();
      histogram.current = undefined;
    };
  }, [zone, scheme]);
  useEffect(() => {
    histogram.current?.show(summary);
    setPointed(undefined);
  }, [summary]);

  const count = summary.heights.length;
  const index = Math.min(pointed?.index ?? 0, count - 1);
  const move = (event: KeyboardEvent) => {
    const last = count - 1;
    const next = {
      ArrowLeft: pointed ? Math.max(0, index - 1) : last,
      ArrowRight: pointed ? Math.min(last, index + 1) : 0,
      Home: 0,
      End: last,
    }[event.key];
    if (next !== undefined) histogram.current?.point(next);
    else if (event.key === "Enter" && pointed) onZoom(bucketStretch(summary, index));
    else if (event.key === "Backspace") onZoomOut();
    else return;
    event.preventDefault();
    event.stopPropagation();
  };

  return (
    <div className={classes.chart}>
      <div
        ref={place}
        className={classes.plot}
        role="slider"
        tabIndex={0}
        aria-label="Time. Enter shows the stretch, Backspace shows more."
        aria-valuemin={0}
        aria-valuemax={count - 1}
        aria-valuenow={index}
        aria-valuetext={bucketText(summary, index, zone)}
        onKeyDown={move}
        onBlur={() => setPointed(undefined)}
      />
      {pointed && index === pointed.index && (
        <Tooltip summary={summary} zone={zone} index={index} left={pointed.left} />
      )}
    </div>
  );
}

interface TooltipProps {
  readonly summary: Summary;
  readonly zone: Zone;
  readonly index: number;
  readonly left: number;
}

/** The counts of a bucket. Said to screen readers by the slider's value. */
function Tooltip({ summary, zone, index, left }: TooltipProps) {
  const { fromMs, toMs } = bucketStretch(summary, index);
  return (
    <div
      className={classes.tooltip}
      style={{ left: `clamp(6rem, ${left}px, 100% - 6rem)` }}
      aria-hidden
    >
      <div>{stretchWords(fromMs, toMs, zone)}</div>
      {[...stackedStatuses].reverse().map((status) => {
        const count = summary.counts[status][index] ?? 0;
        if (count === 0) return null;
        return (
          <div key={status} className={classes.tooltipCount} data-status={status}>
            <span>{status}</span> <strong>{countText(count)}</strong>
          </div>
        );
      })}
      {summary.heights[index] === 0 && <div className={classes.tooltipCount}>no entries</div>}
    </div>
  );
}

function bucketText(summary: Summary, index: number, zone: Zone): string {
  const { fromMs, toMs } = bucketStretch(summary, index);
  const counts = byStatusText((status) => summary.counts[status][index] ?? 0);
  return `${stretchWords(fromMs, toMs, zone)}: ${counts || "no entries"}`;
}
