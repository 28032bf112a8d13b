import { availableParallelism, cpus, loadavg, release, totalmem, type } from "node:os";

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
}

/** This machine, with the version of the database that was measured. */
export function describeMachine(postgres: string): Machine {
  return {
    cpu: cpus()[0]?.model.trim() ?? "unknown CPU",
    cores: availableParallelism(),
    memoryGiB: totalmem() / 2 ** 30,
    load: loadavg()[0] ?? 0,
    system: `${type()} ${release().replace(/-.*/, "")}`,
    node: process.versions.node,
    postgres,
  };
}
