import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Curve, Report } from "../report.ts";
import { goalTable } from "./goal-table.ts";
import { claimTable, machineText, tableText } from "./markdown.ts";
import { plot } from "./plot.ts";

/**
 * Writes each suite's report as JSON and as Markdown with its plots, and the table of goals of them all:
 * `<suite>.json`, `<suite>.md`, `<suite>-<curve>.svg`, `goals.md`.
 */
export async function writeReports(directory: string, reports: readonly Report[]): Promise<void> {
  await mkdir(directory, { recursive: true });
  const write = (name: string, text: string) => writeFile(join(directory, name), text);
  for (const report of reports) {
    const { suite } = report;
    await write(`${suite}.json`, `${JSON.stringify(report, null, 2)}\n`);
    for (const curve of report.curves) await write(fileOf(suite, curve), plot(curve));
    await write(`${suite}.md`, `${reportText(report).join("\n")}\n`);
  }
  await write("goals.md", goalTable(reports));
}

function reportText(report: Report): string[] {
  return [
    `# ${report.suite}`,
    "",
    machineText(report),
    "",
    ...report.failures.map(({ part, why }) => `**${part} failed:** ${why}\n`),
    ...report.tables.flatMap(tableText),
    ...report.curves.flatMap((curve) => [
      `### ${curve.title}`,
      "",
      `![${curve.title}](${fileOf(report.suite, curve)})`,
      "",
    ]),
    ...claimTable(report.claims),
  ];
}

function fileOf(suite: string, { title }: Curve): string {
  const slug = title
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, "-")
    .replace(/^-|-$/g, "");
  return `${suite}-${slug}.svg`;
}
