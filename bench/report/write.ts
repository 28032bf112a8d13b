import { readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Curve, Report } from "../report.ts";
import { goalTable, type Measured } from "./goal-table.ts";
import { claimTable, machineText, tableText } from "./markdown.ts";
import { plot } from "./plot.ts";

/** Writes a suite's report as JSON and as Markdown with its plots: `<suite>.json`, `.md`, `-<curve>.svg`. */
export async function writeReport(directory: string, report: Report): Promise<void> {
  const { suite } = report;
  for (const curve of report.curves) {
    await writeFile(join(directory, fileOf(suite, curve)), plot(curve));
  }
  await writeFile(join(directory, `${suite}.json`), `${JSON.stringify(report, null, 2)}\n`);
  await writeFile(join(directory, `${suite}.md`), `${reportText(report).join("\n")}\n`);
}

/**
 * Writes the table of goals, `goals.md`, and returns it: of these reports, and if `others` are wanted of what
 * the directory has of other suites, so that a long run can be made suite by suite.
 */
export async function writeGoals(
  directory: string,
  reports: readonly Report[],
  { others }: { others: boolean },
): Promise<string> {
  const names = others ? (await readdir(directory)).filter((name) => name.endsWith(".json")) : [];
  const written = await Promise.all(
    names.map(async (name) => {
      const text = await readFile(join(directory, name), "utf8");
      // JSON has no NaN.
      const revive = (key: string, value: unknown) =>
        key === "measured" && value === null ? Number.NaN : value;
      return JSON.parse(text, revive) as Measured;
    }),
  );
  const earlier = written.filter(({ suite }) => !reports.some((report) => report.suite === suite));
  const table = goalTable([...reports, ...earlier]);
  await writeFile(join(directory, "goals.md"), table);
  return table;
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
