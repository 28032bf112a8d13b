import { randomUUID } from "node:crypto";
import { readFileSync, readlinkSync } from "node:fs";
import { hostname } from "node:os";
import { codeOf } from "./disk.ts";

/** Which process owns a session. */
export interface Owner {
  /** The kernel and the process namespace in which `pid` counts. */
  readonly machine: string;
  readonly pid: number;
  /** When it started, as the kernel says it; empty if it does not. */
  readonly started: string;
}

let self: Owner | undefined;

/** This process. */
export function thisProcess(): Owner {
  self ??= { machine: thisMachine(), pid: process.pid, started: statusOf("self")?.started ?? "" };
  return self;
}

/**
 * Whether a process is gone for certain. Only the machine that it ran on can say so, and only within the
 * same container: a pid means nothing elsewhere, and the same one may be another process's by now.
 */
export function isGone({ machine, pid, started }: Owner): boolean {
  if (machine !== thisProcess().machine) return false;
  try {
    process.kill(pid, 0);
  } catch (error) {
    return codeOf(error) === "ESRCH";
  }
  const status = statusOf(pid);
  if (status === undefined || started === "") return false;
  return status.started !== started || ["Z", "X"].includes(status.state);
}

function thisMachine(): string {
  if (process.platform === "darwin") return `darwin ${hostname()}`;
  try {
    const boot = readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim();
    return `${boot} ${readlinkSync("/proc/self/ns/pid")} ${hostname()}`;
  } catch {
    // Without /proc nobody can be told apart: then all go by whether the session's owner file changes.
    return randomUUID();
  }
}

/** The process's state and start, from /proc; see proc_pid_stat(5). */
function statusOf(pid: number | "self"): { state: string; started: string } | undefined {
  try {
    const line = readFileSync(`/proc/${pid}/stat`, "utf8");
    // The name of the program, in parentheses, may contain anything.
    const fields = line.slice(line.lastIndexOf(")") + 2).split(" ");
    return { state: fields[0] ?? "", started: fields[19] ?? "" };
  } catch {
    return undefined;
  }
}

/** The owner file's text: who, and how often it was touched. Always of the same length for one process. */
export function ownerText(owner: Owner, touches: number): string {
  return `${JSON.stringify(owner)}\n${String(touches).padStart(12, "0")}\n`;
}

/** Who wrote an owner file; undefined if one cannot tell. */
export function parseOwner(text: string): Owner | undefined {
  let value: unknown;
  try {
    value = JSON.parse(text.split("\n")[0] ?? "");
  } catch {
    return undefined;
  }
  if (typeof value !== "object" || value === null) return undefined;
  const { machine, pid, started } = value as Partial<Record<string, unknown>>;
  if (typeof machine !== "string" || typeof started !== "string") return undefined;
  if (!Number.isSafeInteger(pid) || Number(pid) < 1) return undefined;
  return { machine, pid: Number(pid), started };
}
