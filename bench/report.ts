import type { GoalId } from "./goals.ts";
import type { Machine } from "./machine.ts";
import { claimTable, figure, machineText, tableText } from "./report/markdown.ts";
import { median, percentile, type Rounds, type Samples } from "./samples.ts";

export { figure };

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
  /** A name that stays the same from run to run, for programs. Example: `unary.connect.naive` */
  readonly id?: string;
  /** The row of the table of goals that it belongs to. */
  readonly goal?: GoalId;
  readonly what: string;
  readonly measured: number;
  readonly unit: string;
  readonly target: { readonly atMost: number } | { readonly atLeast: number };
}

/** An axis of a plot. */
export interface Axis {
  readonly label: string;
  readonly scale: "linear" | "log";
}

/** How something grows: drawn as a plot beside the report. */
export interface Curve {
  readonly title: string;
  /** The row of the table of goals that it belongs to; it counts for `growth` in any case. */
  readonly goal?: GoalId;
  readonly x: Axis;
  readonly y: Axis;
  /** Points are `[x, y]`, in order of x; on a log axis above 0. */
  readonly series: readonly {
    readonly name: string;
    readonly points: readonly (readonly [number, number])[];
  }[];
}

/** Whether the target is met. */
export function isMet({ measured, target }: Claim): boolean {
  return "atMost" in target ? measured <= target.atMost : measured >= target.atLeast;
}

/** What a suite found. Each part's tables are printed when it has come to its end, in Markdown. */
export class Report {
  readonly suite: string;
  readonly machine: Machine;
  readonly command: string;
  readonly startTime = new Date().toISOString();
  readonly tables: Table[] = [];
  readonly curves: Curve[] = [];
  readonly claims: Claim[] = [];
  /** Parts that were begun. */
  readonly parts: string[] = [];
  /** What did not come to an end, or whose result was wrong: it has no figures. */
  readonly failures: { readonly part: string; readonly why: string }[] = [];

  constructor(suite: string, machine: Machine, command: string) {
    this.suite = suite;
    this.machine = machine;
    this.command = command;
    print(`## ${suite}\n`, `${machineText(this)}\n`);
  }

  /** Runs a part, whose figures count and are printed only if it comes to its end without an error. */
  async part(name: string, work: () => Promise<void>): Promise<void> {
    this.parts.push(name);
    const lists: readonly unknown[][] = [this.tables, this.curves, this.claims];
    const before = lists.map(({ length }) => length);
    try {
      await work();
    } catch (error) {
      for (const [i, list] of lists.entries()) list.length = before[i] ?? 0;
      this.fail(name, error);
    }
    print(...this.tables.slice(before[0]).flatMap(tableText));
  }

  /** Adds a table. */
  table(table: Table): void {
    this.tables.push(table);
  }

  /** Adds a curve: a plot beside the report, which shows it. */
  curve(curve: Curve): void {
    this.curves.push(curve);
  }

  /** Adds a claim; they are printed at the end. */
  claim(claim: Claim): void {
    this.claims.push(claim);
  }

  /** Says that a part has failed, and why. */
  fail(part: string, error: unknown): void {
    const why = error instanceof Error ? error.message : String(error);
    this.failures.push({ part, why });
    progress(`${part} failed: ${error instanceof Error ? error.stack : error}`);
    print(`**${part} failed:** ${why}\n`);
  }

  /** Prints the claims. */
  finish(): void {
    print(...claimTable(this.claims));
  }
}

/** The median of rounds and their range. */
export function middle(rounds: Rounds): Cell {
  return { median: median(rounds), least: Math.min(...rounds), most: Math.max(...rounds) };
}

/** What half of the samples and 99 in 100 do not exceed. */
export function percentiles(samples: Samples): Cell {
  return { p50: median(samples), p99: percentile(samples, 0.99) };
}

/** Says what is going on, apart from the results. */
export function progress(line: string): void {
  process.stderr.write(`${line}\n`);
}

function print(...lines: string[]): void {
  process.stdout.write(`${lines.join("\n")}\n`);
}
