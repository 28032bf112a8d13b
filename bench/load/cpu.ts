import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import pg from "pg";

/** What processes have used since they began. */
export interface Usage {
  /** CPU time of all threads, user and system: seconds, in steps of the kernel's clock (10 ms). */
  readonly cpuSeconds: number;
  /** The most memory that was ever resident: bytes. Of several processes, the largest one's. */
  readonly peakBytes: number;
}

const ticksASecond = Number(execFileSync("getconf", ["CLK_TCK"], { encoding: "utf8" }));

/**
 * What a process has used, without its children.
 *
 * @throws Error if there is no such process, or no `/proc` (Linux only).
 */
export function processUsage(pid: number): Usage {
  const stat = readStat(pid);
  return { cpuSeconds: stat.own, peakBytes: peakBytes(pid) };
}

/**
 * What a PostgreSQL has used, all its processes, those of sessions that have ended included.
 *
 * @param postmaster - Its first process; see {@link findPostmaster}.
 */
export function postgresUsage(postmaster: number): Usage {
  const root = readStat(postmaster);
  let cpuSeconds = root.own + root.reaped;
  let most = peakBytes(postmaster);
  for (const pid of childrenOf(postmaster)) {
    try {
      cpuSeconds += readStat(pid).own;
      most = Math.max(most, peakBytes(pid));
    } catch {
      // It has ended meanwhile: what it used is in the postmaster's account with the next reading.
    }
  }
  return { cpuSeconds, peakBytes: most };
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

function childrenOf(parent: number): number[] {
  return readdirSync("/proc")
    .map(Number)
    .filter((pid) => {
      if (!(pid > 0)) return false;
      try {
        return readStat(pid).parent === parent;
      } catch {
        return false; // It has ended meanwhile.
      }
    });
}

function peakBytes(pid: number): number {
  const text = readFileSync(`/proc/${pid}/status`, "latin1");
  return Number(/^VmHWM:\s+(\d+) kB$/m.exec(text)?.[1] ?? 0) * 1_024;
}

/** CPU seconds of this process's children that have ended, theirs included. */
export function childrenCpuSeconds(): number {
  return readStat(process.pid).reaped;
}
