import { LineChart } from "echarts/charts";
import { GridComponent, LegendComponent, TitleComponent } from "echarts/components";
import { init, use } from "echarts/core";
import { SVGRenderer } from "echarts/renderers";
import type { Curve } from "../report.ts";

use([LineChart, GridComponent, LegendComponent, TitleComponent, SVGRenderer]);

/** A curve as an SVG, drawn without a browser. */
export function plot({ title, x, y, series }: Curve): string {
  const chart = init(null, null, { renderer: "svg", ssr: true, width: 760, height: 440 });
  const axis = ({ label, scale }: Curve["x"]) => ({
    type: scale === "log" ? ("log" as const) : ("value" as const),
    name: label,
    nameLocation: "middle" as const,
    minorSplitLine: { show: scale === "log" },
  });
  chart.setOption({
    animation: false,
    backgroundColor: "#fff",
    title: { text: title, left: "center", textStyle: { fontSize: 15 } },
    legend: { bottom: 0 },
    grid: { left: 80, right: 30, top: 50, bottom: 90 },
    xAxis: { ...axis(x), nameGap: 30 },
    yAxis: { ...axis(y), nameGap: 55 },
    series: series.map(({ name, points }) => ({
      type: "line",
      name,
      data: points.map((point) => [...point]),
      symbolSize: 7,
    })),
  });
  const svg = chart.renderToSVGString();
  chart.dispose();
  return svg;
}
