import { goals } from "../goals.ts";
import type { Report } from "../report.ts";
import { dueText, figure, tableLines, verdict } from "./markdown.ts";

/** The goals in their order, our figures beside each, as Markdown. What was not run is not measured. */
export function goalTable(reports: readonly Report[]): string {
  const claims = reports.flatMap((report) => report.claims);
  const curves = reports.flatMap((report) => report.curves);
  const rows = Object.entries(goals).flatMap(([id, goal]) => {
    const own = claims.filter((claim) => claim.goal === id);
    if (id === "growth" && curves.length > 0) {
      return [[goal, curves.map(({ title }) => title).join("; "), "plotted", ""]];
    }
    if (own.length === 0) return [[goal, "not measured", "", ""]];
    return own.map((claim, i) => [
      i === 0 ? goal : "",
      `${claim.what}: ${figure(claim.measured)} ${claim.unit}`,
      dueText(claim),
      verdict(claim),
    ]);
  });
  const lines = tableLines({ columns: ["goal", "measured", "target", ""], rows });
  return `## Goals\n\n${lines.join("\n")}\n`;
}
