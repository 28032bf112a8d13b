import { goals } from "../goals.ts";
import type { Report } from "../report.ts";
import { dueText, figure, tableLines, verdict } from "./markdown.ts";

/** What of a report the table of goals is made of. */
export type Measured = Pick<Report, "suite" | "command" | "startTime" | "machine" | "claims"> &
  Pick<Report, "curves">;

/**
 * The goals in their order, our figures beside each, as Markdown, and the runs that they are of. What was
 * not run is not measured; of what was, growth has to be plotted.
 */
export function goalTable(reports: readonly Measured[]): string {
  const claims = reports.flatMap((report) => report.claims);
  const curves = reports.flatMap((report) => report.curves);
  const rows = Object.entries(goals).flatMap(([id, goal]) => {
    if (id === "growth" && curves.length > 0) {
      const lacking = Object.keys(goals).filter(
        (each) =>
          claims.some((claim) => claim.goal === each) &&
          !curves.some((curve) => curve.goal === each),
      );
      const plotted = curves.map(({ title }) => title).join("; ");
      return [
        [goal, plotted, "", lacking.length === 0 ? "plotted" : `no curve: ${lacking.join(", ")}`],
      ];
    }
    const own = claims.filter((claim) => claim.goal === id);
    if (own.length === 0) return [[goal, "not measured", "", ""]];
    return own.map((claim, i) => [
      i === 0 ? goal : "",
      `${claim.what}: ${figure(claim.measured)} ${claim.unit}`,
      dueText(claim),
      verdict(claim),
    ]);
  });
  const lines = tableLines({ columns: ["goal", "measured", "target", ""], rows });
  const runs = reports.map(
    ({ suite, command, startTime, machine }) =>
      `- ${suite}: \`${command}\`, ${startTime.slice(0, 10)}, commit ${machine.commit}`,
  );
  return `## Goals\n\n${[...lines, "", ...runs].join("\n")}\n`;
}
