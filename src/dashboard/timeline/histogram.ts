/** A stacked histogram drawn by uPlot into an element. */
import UPlot from "uplot";
import "uplot/dist/uPlot.min.css";
import type { Zone } from "../time/zone.tsx";
import { shortCount } from "./counts-text.ts";
import {
  bucketAt,
  bucketStretch,
  type Stretch,
  type Summary,
  stackedStatuses,
  wholeBuckets,
} from "./summary.ts";
import { tickWords } from "./time-axis.ts";

/** What is drawn, and who is told of what the pointer does. */
export interface HistogramOptions {
  readonly zone: Zone;
  readonly summary: Summary;
  /** The bucket under the pointer, undefined for none, and how far from the left: CSS pixels. */
  onPoint(index: number | undefined, left: number): void;
  /** A click or a drag. */
  onZoom(stretch: Stretch): void;
  /** A double click. */
  onZoomOut(): void;
}

/** A histogram on the screen. */
export interface Histogram {
  /** Draws other counts. */
  show(summary: Summary): void;
  /** Points at a bucket, as the pointer does. */
  point(index: number): void;
  /** Takes it off the screen. */
  close(): void;
}

/** A click may be the first half of a double click for so long: milliseconds. */
const doubleClickMs = 250;
/** The least height of a count that is not zero: one error must not vanish beside a million successes. */
const leastHeight = 2;

/** Draws a histogram. Its colours are those of the page's theme at this moment. */
export function createHistogram(place: HTMLElement, options: HistogramOptions): Histogram {
  let summary = options.summary;
  let click: ReturnType<typeof setTimeout> | undefined;
  const colour = coloursOf(place);
  const pointedIndex = (plot: UPlot) => {
    const left = plot.cursor.left ?? -1;
    return left < 0 ? undefined : bucketAt(summary, plot.posToVal(left, "x"));
  };
  const axis = {
    stroke: colour("--text-secondary"),
    font: `11px ${getComputedStyle(place).fontFamily}`,
    grid: { show: false },
    ticks: { stroke: colour("--line"), width: 1, size: 4 },
  };
  const plot = new UPlot(
    {
      ...sizeOf(place),
      ms: 1,
      ...(options.zone === "UTC" && { tzDate: (ms: number) => UPlot.tzDate(new Date(ms), "UTC") }),
      legend: { show: false },
      padding: [6, 22, 0, 0],
      scales: {
        x: { time: true, range: () => [summary.startMs, summary.endMs] },
        y: { range: (_plot, _least, most) => [0, Math.max(1, most)] },
      },
      axes: [
        {
          ...axis,
          size: 22,
          gap: 2,
          space: 64,
          values: (_plot, ticks, _axis, _space, step) => tickWords(ticks, step, options.zone),
        },
        {
          ...axis,
          size: 44,
          gap: 4,
          space: 24,
          incrs: [1, 2, 5]
            .flatMap((n) => Array.from({ length: 15 }, (_, i) => n * 10 ** i))
            .sort((a, b) => a - b),
          values: (_plot, ticks) => ticks.map(shortCount),
        },
      ],
      series: [{}, { paths: () => null, points: { show: false } }],
      cursor: {
        y: false,
        points: { show: false },
        drag: { x: true, y: false, setScale: false, dist: 4 },
        bind: { dblclick: () => null, mouseleave: leaveSideways },
      },
      hooks: {
        draw: [(drawn) => drawBars(drawn, summary, colour)],
        setCursor: [
          (moved) => {
            const offset = moved.over.offsetLeft;
            options.onPoint(pointedIndex(moved), offset + (moved.cursor.left ?? 0));
          },
        ],
        setSelect: [
          (selected) => {
            const { left, width } = selected.select;
            if (width === 0) return;
            const dragged = {
              fromMs: selected.posToVal(left, "x"),
              toMs: selected.posToVal(left + width, "x"),
            };
            selected.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
            options.onZoom(wholeBuckets(summary, dragged));
          },
        ],
      },
    },
    dataOf(summary),
    place,
  );
  plot.over.addEventListener("click", () => {
    const index = pointedIndex(plot);
    clearTimeout(click);
    click = setTimeout(() => {
      if (index !== undefined) options.onZoom(bucketStretch(summary, index));
    }, doubleClickMs);
  });
  plot.over.addEventListener("dblclick", () => {
    clearTimeout(click);
    options.onZoomOut();
  });
  const resizes = new ResizeObserver(() => plot.setSize(sizeOf(place)));
  resizes.observe(place);
  return {
    show(shown) {
      summary = shown;
      plot.setData(dataOf(shown));
    },
    point(index) {
      const { fromMs, toMs } = bucketStretch(summary, index);
      plot.setCursor({ left: plot.valToPos((fromMs + toMs) / 2, "x"), top: 0 });
    },
    close() {
      clearTimeout(click);
      resizes.disconnect();
      plot.destroy();
    },
  };
}

/** A drag that slips out above or below ends where it left; to the sides, at the chart's end. */
const leaveSideways: UPlot.Cursor.MouseListenerFactory = (_plot, target, leave) => (event) => {
  const { left, right } = target.getBoundingClientRect();
  const isAbove = event.clientX > left && event.clientX < right;
  return isAbove && event.buttons === 1 ? null : leave(event);
};

function sizeOf(place: HTMLElement): { width: number; height: number } {
  return { width: Math.max(1, place.clientWidth), height: Math.max(1, place.clientHeight) };
}

function dataOf({ startMs, widthMs, heights }: Summary): UPlot.AlignedData {
  return [heights.map((_, index) => startMs + index * widthMs), [...heights]];
}

function coloursOf(place: HTMLElement): (name: string) => string {
  const styles = getComputedStyle(place);
  return (name) => styles.getPropertyValue(name).trim();
}

/** Draws the bars, status on status, and hatches what was not counted. */
function drawBars(plot: UPlot, summary: Summary, colour: (name: string) => string): void {
  const { ctx, bbox } = plot;
  const xOf = (ms: number) => Math.round(plot.valToPos(ms, "x", true));
  const bottom = bbox.top + bbox.height;
  ctx.save();
  ctx.beginPath();
  ctx.rect(bbox.left, bbox.top, bbox.width, bbox.height);
  ctx.clip();
  for (const [index, height] of summary.heights.entries()) {
    if (height === 0) continue;
    const { fromMs, toMs } = bucketStretch(summary, index);
    const left = xOf(fromMs);
    const full = xOf(toMs) - left;
    const width = full > 3 ? full - 1 : Math.max(1, full);
    let base = bottom;
    for (const status of stackedStatuses) {
      const count = summary.counts[status][index] ?? 0;
      if (count === 0) continue;
      const exact = bottom - plot.valToPos(count, "y", true);
      const drawn = Math.max(leastHeight, Math.round(exact));
      ctx.fillStyle = colour(`--status-${status}`);
      ctx.fillRect(left, base - drawn, width, drawn);
      base -= drawn;
    }
  }
  if (summary.countedFromMs !== undefined) {
    const end = xOf(summary.countedFromMs);
    ctx.strokeStyle = colour("--line");
    ctx.lineWidth = 1;
    ctx.beginPath();
    ctx.rect(bbox.left, bbox.top, end - bbox.left, bbox.height);
    ctx.clip();
    for (let x = bbox.left - bbox.height; x < end; x += 8) {
      ctx.moveTo(x, bottom);
      ctx.lineTo(x + bbox.height, bbox.top);
    }
    ctx.stroke();
  }
  ctx.restore();
}
