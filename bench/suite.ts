import type { BenchPostgres } from "./database.ts";
import type { Report } from "./report.ts";

/** What a suite gets. */
export interface Setting {
  readonly postgres: BenchPostgres;
  readonly report: Report;
  /** Entries in the largest log. */
  readonly entries: number;
  /** How long to measure what is measured over time. */
  readonly seconds: number;
  /** How often contestants take turns, after one turn each that warms up and is not counted. */
  readonly rounds: number;
  /** Small sizes, for a first look: a suite is to be done in half a minute. */
  readonly quick: boolean;
  /** Only the parts whose names contain this are wanted. */
  readonly only: string;
}

/** Measurements that belong together. */
export interface Suite {
  readonly name: string;
  /** One line for the list of suites. */
  readonly description: string;
  run(setting: Setting): Promise<void>;
}

/** Runs the wanted parts of a suite, in their order; after one that fails the others go on. */
export async function runParts(
  setting: Setting,
  parts: Readonly<Record<string, (setting: Setting) => Promise<void>>>,
): Promise<void> {
  for (const [name, part] of Object.entries(parts)) {
    if (name.includes(setting.only)) await setting.report.part(name, () => part(setting));
  }
}
