import type { Machine } from "./machine.ts";
import { median, percentile, type Samples } from "./samples.ts";

/** What a cell says: text, a figure, or a summary of samples. */
export type Cell =
  | string
  | number
  | { readonly p50: number; readonly p99: number }
  | { readonly median: number; readonly least: number; readonly most: number };

/** Figures side by side. Numbers are printed with three significant digits or more. */
export interface Table {
  readonly title: string;
  readonly columns: readonly string[];
  readonly rows: readonly (readonly Cell[])[];
  /** What one must know to read it. */
  readonly note?: string;
}

/** A stated target and what was measured. */
export interface Claim {
  readonly what: string;
  readonly measured: number;
  readonly unit: string;
  readonly target: { readonly atMost: number } | { readonly atLeast: number };
}

/** Whether the target is met. */
export function isMet({ measured, target }: Claim): boolean {
  return "atMost" in target ? measured <= target.atMost : measured >= target.atLeast;
}

/** What a suite found. Tables are printed as they come, in Markdown. */
export class Report {
  readonly suite: string;
  readonly machine: Machine;
  readonly command: string;
  readonly startTime = new Date().toISOString();
  readonly tables: Table[] = [];
  readonly claims: Claim[] = [];

  constructor(suite: string, machine: Machine, command: string) {
    this.suite = suite;
    this.machine = machine;
    this.command = command;
    const { cpu, cores, memoryGiB, load, system, node, postgres } = machine;
    print(
      `## ${suite}\n`,
      `\`${command}\`, ${this.startTime.slice(0, 10)}. ${cpu}, ${cores} cores, ${figure(memoryGiB)} GiB, ` +
        `load ${figure(load)} before the start; ${system}; Node ${node}; PostgreSQL ${postgres}.\n`,
    );
  }

  /** Adds a table and prints it. */
  table(table: Table): void {
    this.tables.push(table);
    print(`### ${table.title}\n`, ...markdown(table), "");
    if (table.note !== undefined) print(`${table.note}\n`);
  }

  /** Adds a claim; they are printed at the end. */
  claim(claim: Claim): void {
    this.claims.push(claim);
  }

  /** Prints the claims. */
  finish(): void {
    if (this.claims.length === 0) return;
    const rows = this.claims.map((claim) => {
      const { what, measured, unit, target } = claim;
      const due = "atMost" in target ? `≤ ${figure(target.atMost)}` : `≥ ${figure(target.atLeast)}`;
      return [what, `${figure(measured)} ${unit}`, due, isMet(claim) ? "meets" : "**misses**"];
    });
    print("### Targets\n");
    print(...markdown({ title: "", columns: ["", "measured", "target", ""], rows }), "");
  }
}

/** A number for people: grouped thousands, at least three significant digits. */
export function figure(value: number): string {
  if (Number.isInteger(value)) return value.toLocaleString("en-GB");
  const digits = Math.max(0, 2 - Math.floor(Math.log10(Math.abs(value))));
  return value.toLocaleString("en-GB", { maximumFractionDigits: Math.min(digits, 4) });
}

/** The median of samples and their range. */
export function middle(samples: Samples): Cell {
  return { median: median(samples), least: percentile(samples, 0), most: percentile(samples, 1) };
}

/** What half of the samples and 99 in 100 do not exceed. */
export function percentiles(samples: Samples): Cell {
  return { p50: median(samples), p99: percentile(samples, 0.99) };
}

/** Says what is going on, apart from the results. */
export function progress(line: string): void {
  process.stderr.write(`${line}\n`);
}

function markdown({ columns, rows }: Table): string[] {
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

function print(...lines: string[]): void {
  process.stdout.write(`${lines.join("\n")}\n`);
}
