import { execFileSync } from "node:child_process";
import { availableParallelism, cpus, loadavg, release, totalmem, type } from "node:os";
import type { BenchPostgres } from "./database.ts";

/** What the figures depend on. */
export interface Machine {
  readonly cpu: string;
  readonly cores: number;
  readonly memoryGiB: number;
  /** Processes that ran or waited to, on average of the minute before. */
  readonly load: number;
  readonly system: string;
  readonly node: string;
  readonly postgres: string;
  /** What was set of PostgreSQL, as it says itself. */
  readonly settings: Readonly<Record<string, string>>;
  /** What is measured: the commit, with `+` if files differ from it. */
  readonly commit: string;
}

/** This machine, with the database that is measured. */
export function describeMachine(postgres: Pick<BenchPostgres, "version" | "settings">): Machine {
  return {
    cpu: cpus()[0]?.model.trim() ?? "unknown CPU",
    cores: availableParallelism(),
    memoryGiB: totalmem() / 2 ** 30,
    load: loadavg()[0] ?? 0,
    system: `${type()} ${release().replace(/-.*/, "")}`,
    node: process.versions.node,
    postgres: postgres.version,
    settings: postgres.settings,
    commit: describeCommit(),
  };
}

function describeCommit(): string {
  const git = (...args: string[]) =>
    execFileSync("git", args, { cwd: import.meta.dirname, encoding: "utf8", stdio: "pipe" }).trim();
  try {
    return git("rev-parse", "--short", "HEAD") + (git("status", "--porcelain") === "" ? "" : "+");
  } catch {
    return "unknown"; // Not a checkout, or no git.
  }
}
