/** Reports as text: Markdown that can be read as it is. */
import { type Cell, type Claim, isMet, type Report, type Table } from "../report.ts";

/** What was measured when, where and with what. */
export function machineText({
  command,
  startTime,
  machine,
}: Pick<Report, "command" | "startTime" | "machine">): string {
  const { cpu, cores, memoryGiB, load, system, node, postgres, settings, commit } = machine;
  const shown = Object.entries(settings).map(([name, value]) => `${name} ${value}`);
  return (
    `\`${command}\`, ${startTime.slice(0, 10)}, commit ${commit}. ${cpu}, ${cores} cores, ` +
    `${figure(memoryGiB)} GiB, load ${figure(load)} before the start; ${system}; Node ${node}; ` +
    `PostgreSQL ${postgres}: ${shown.join(", ")}.`
  );
}

/** A table with its title and note, each line one. */
export function tableText(table: Table): string[] {
  const note = table.note === undefined ? [] : [table.note, ""];
  return [`### ${table.title}`, "", ...tableLines(table), "", ...note];
}

/** What was claimed and what was measured; nothing without claims. */
export function claimTable(claims: readonly Claim[]): string[] {
  if (claims.length === 0) return [];
  const rows = claims.map((claim) => [
    claim.what,
    `${figure(claim.measured)} ${claim.unit}`,
    dueText(claim),
    verdict(claim),
  ]);
  return tableText({ title: "Targets", columns: ["", "measured", "target", ""], rows });
}

/** The target. Example: `≥ 5` */
export function dueText({ target }: Claim): string {
  return "atMost" in target ? `≤ ${figure(target.atMost)}` : `≥ ${figure(target.atLeast)}`;
}

/** Whether it is reached. */
export function verdict(claim: Claim): string {
  return isMet(claim) ? "meets" : "**misses**";
}

/** A number for people: grouped thousands, at least three significant digits. */
export function figure(value: number): string {
  if (Number.isNaN(value)) return "–";
  if (Number.isInteger(value)) return value.toLocaleString("en-GB");
  const digits = Math.max(0, 2 - Math.floor(Math.log10(Math.abs(value))));
  return value.toLocaleString("en-GB", { maximumFractionDigits: Math.min(digits, 4) });
}

/** A table's lines. */
export function tableLines({ columns, rows }: Pick<Table, "columns" | "rows">): string[] {
  const cells = rows.map((row) => row.map(cellText));
  const widths = columns.map((column, i) =>
    Math.max(column.length, 3, ...cells.map((row) => row[i]?.length ?? 0)),
  );
  const line = (row: readonly string[]) =>
    `| ${widths.map((width, i) => pad(row[i] ?? "", width, i)).join(" | ")} |`;
  const rule = widths.map((width, i) =>
    i === 0 ? "-".repeat(width) : `${"-".repeat(width - 1)}:`,
  );
  return [line(columns), line(rule), ...cells.map(line)];
}

function cellText(cell: Cell): string {
  if (typeof cell === "string") return cell;
  if (typeof cell === "number") return figure(cell);
  if ("p50" in cell) return `${figure(cell.p50)}, ${figure(cell.p99)}`;
  return `${figure(cell.median)} (${figure(cell.least)}–${figure(cell.most)})`;
}

function pad(text: string, width: number, column: number): string {
  return column === 0 ? text.padEnd(width) : text.padStart(width);
}
