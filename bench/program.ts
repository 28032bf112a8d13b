import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, open, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { programEnv } from "../test/support/program-env.ts";

const readyWithinMs = 30_000;
const closesWithinMs = 12_000;

/** Ends a program with the process that has started it, be that killed: its standard input ends then. */
const endAlong = `--import=data:text/javascript,${encodeURIComponent(
  'process.stdin.on("end", () => process.kill(process.pid, "SIGKILL")).resume().unref()',
)}`;

/** A server in a process of its own. */
export interface Program extends AsyncDisposable {
  readonly url: string;
  readonly pid: number;
}

/**
 * Starts a server program with no environment but `env` and waits until it has logged `listening` with
 * its URL. What it logs goes to a file, which nobody reads meanwhile: a pipe's reader would take CPU
 * time of what is measured. On dispose it is asked to close.
 *
 * @throws Error with its log if it does not start, or does not close cleanly.
 */
export async function startProgram(
  main: URL,
  env: Readonly<Record<string, string>>,
  nodeOptions: readonly string[] = [],
): Promise<Program> {
  const directory = await mkdtemp(join(tmpdir(), "annals-bench-program-"));
  const logFile = join(directory, "log");
  const log = await open(logFile, "w");
  const child = spawn(process.execPath, [...nodeOptions, endAlong, fileURLToPath(main)], {
    cwd: tmpdir(),
    env: { ...programEnv, ...env },
    stdio: ["pipe", log.fd, log.fd],
  });
  const ended = once(child, "close");
  await log.close();
  const alive = () => child.exitCode === null && child.signalCode === null;
  const lastOfLog = async () => (await readFile(logFile, "utf8")).slice(-4_000);
  const dispose = async () => {
    const running = alive();
    if (running) {
      child.kill("SIGTERM");
      const tooLate = setTimeout(() => child.kill("SIGKILL"), closesWithinMs);
      await ended;
      clearTimeout(tooLate);
    }
    const text = await lastOfLog();
    await rm(directory, { recursive: true, force: true });
    if (!running || child.exitCode !== 0) {
      throw new Error(`${main.pathname} ended with ${child.exitCode ?? child.signalCode}: ${text}`);
    }
  };
  for (const deadline = Date.now() + readyWithinMs; ; await delay(50)) {
    const url = listeningUrl(await readFile(logFile, "utf8"));
    if (url !== undefined) {
      return { url, pid: child.pid ?? 0, [Symbol.asyncDispose]: dispose };
    }
    if (alive() && Date.now() < deadline) continue;
    child.kill("SIGKILL");
    await ended;
    const text = await lastOfLog();
    await rm(directory, { recursive: true, force: true });
    throw new Error(`${main.pathname} did not start: ${text}`);
  }
}

function listeningUrl(log: string): string | undefined {
  const line = log
    .split("\n")
    .find((each) => each.includes('"msg":"listening"') && each.endsWith("}"));
  return line === undefined ? undefined : String((JSON.parse(line) as { url: unknown }).url);
}
