import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import pg from "pg";

/** What a process has used since it began. */
export interface Usage {
  /** CPU time of all threads, user and system: seconds, in steps of the kernel's clock (10 ms). */
  readonly cpuSeconds: number;
  /** The most memory that was ever resident: bytes. */
  readonly peakBytes: number;
}

const ticksASecond = Number(execFileSync("getconf", ["CLK_TCK"], { encoding: "utf8" }));

/**
 * What a process has used, without its children.
 *
 * @throws Error if there is no such process, or no `/proc` (Linux only).
 */
export function processUsage(pid: number): Usage {
  return { cpuSeconds: readStat(pid).own, peakBytes: peakBytes(pid) };
}

/**
 * CPU seconds that a PostgreSQL has used, all its processes, those of sessions that have ended included.
 *
 * @param postmaster - Its first process; see {@link findPostmaster}.
 */
export function postgresCpuSeconds(postmaster: number): number {
  for (;;) {
    const before = readStat(postmaster).reaped;
    const living = childrenOf(postmaster).reduce((sum, child) => sum + child.own, 0);
    const { own, reaped } = readStat(postmaster);
    // What ended meanwhile is in neither account or in both.
    if (reaped === before) return own + reaped + living;
  }
}

/** The first process of the PostgreSQL at a URL; undefined if it is not on this machine. */
export async function findPostmaster(url: string): Promise<number | undefined> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    const { rows } = await client.query<{ pid: number }>("SELECT pg_backend_pid() AS pid");
    const backend = rows[0]?.pid;
    if (backend === undefined) return undefined;
    const { name, parent } = readStat(backend);
    return name.startsWith("postgres") ? parent : undefined;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  } finally {
    await client.end();
  }
}

interface Stat {
  readonly name: string;
  readonly parent: number;
  /** Seconds of its own threads. */
  readonly own: number;
  /** Seconds of its children that have ended. */
  readonly reaped: number;
}

/** `/proc/<pid>/stat`, see proc_pid_stat(5). */
function readStat(pid: number): Stat {
  const text = readFileSync(`/proc/${pid}/stat`, "latin1");
  // The name is in brackets and may hold anything, brackets too.
  const end = text.lastIndexOf(")");
  const fields = text.slice(end + 2).split(" ");
  const ticks = (at: number) => Number(fields[at]) / ticksASecond;
  return {
    name: text.slice(text.indexOf("(") + 1, end),
    parent: Number(fields[1]),
    own: ticks(11) + ticks(12),
    reaped: ticks(13) + ticks(14),
  };
}

function childrenOf(parent: number): Stat[] {
  return readdirSync("/proc")
    .map(Number)
    .filter((pid) => pid > 0)
    .flatMap((pid) => {
      try {
        return [readStat(pid)];
      } catch {
        return []; // It has ended meanwhile.
      }
    })
    .filter((stat) => stat.parent === parent);
}

function peakBytes(pid: number): number {
  const text = readFileSync(`/proc/${pid}/status`, "latin1");
  return Number(/^VmHWM:\s+(\d+) kB$/m.exec(text)?.[1] ?? 0) * 1_024;
}

/** CPU seconds of this process's children that have ended, theirs included. */
export function childrenCpuSeconds(): number {
  return readStat(process.pid).reaped;
}
