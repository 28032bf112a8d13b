/** Runs the command line as people do: a process of its own. */
import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach } from "vitest";
import { FakeService, TOKEN } from "./fake-service.ts";
import { programEnv } from "./program-env.ts";

const main = fileURLToPath(new URL("../../src/cli/main.ts", import.meta.url));

/** What a finished command left behind. */
export interface CliResult {
  code: number | null;
  stdout: string;
  stderr: string;
}

/** A running command. */
export interface CliProcess {
  readonly child: ChildProcessWithoutNullStreams;
  /** What it has written so far. */
  readonly stdout: string;
  readonly stderr: string;
  /** Resolves when it has ended. */
  readonly ended: Promise<CliResult>;
}

/** Starts `annals` with no environment but `env`. */
export function startCli(
  args: readonly string[],
  options: { cwd: string; env?: Record<string, string> },
): CliProcess {
  const child = spawn(process.execPath, [main, ...args], {
    cwd: options.cwd,
    env: { ...programEnv, TZ: "UTC", ...options.env },
  });
  const output = { stdout: "", stderr: "" };
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    output.stdout += text;
  });
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    output.stderr += text;
  });
  child.stdin.on("error", () => {
    // A command may end before it has read everything.
  });
  return {
    child,
    get stdout() {
      return output.stdout;
    },
    get stderr() {
      return output.stderr;
    },
    ended: once(child, "close").then(([code]) => ({ code: code as number | null, ...output })),
  };
}

/** Runs `annals` to its end. */
export function runCli(
  args: readonly string[],
  options: { cwd: string; env?: Record<string, string>; stdin?: string },
): Promise<CliResult> {
  const cli = startCli(args, options);
  cli.child.stdin.end(options.stdin ?? "");
  return cli.ended;
}

/** What a test of the command line works with; `fake` and `cwd` are new for every test. */
export interface CliFixture {
  readonly fake: FakeService;
  /** An empty directory, in which the commands run. */
  readonly cwd: string;
  /** Runs `annals` with the fake's address and token in the environment, to its end. */
  annals(args: readonly string[], env?: Record<string, string>, stdin?: string): Promise<CliResult>;
  /** Starts it likewise; it is killed after the test if it still runs. */
  start(args: readonly string[], env?: Record<string, string>): CliProcess;
}

/** Gives each test of the file a fake service, a directory, and an end to what it started. */
export function useCli(): CliFixture {
  let fake: FakeService;
  let cwd: string;
  let running: CliProcess[] = [];
  beforeEach(async () => {
    fake = await new FakeService().start();
    cwd = await mkdtemp(join(tmpdir(), "annals-cli-"));
  });
  afterEach(async () => {
    for (const { child } of running) child.kill("SIGKILL");
    await Promise.all(running.map(({ ended }) => ended));
    running = [];
    await fake.stop();
    await rm(cwd, { recursive: true });
  });
  const environment = () => ({ ANNALS_URL: fake.url, ANNALS_TOKEN: TOKEN });
  return {
    get fake() {
      return fake;
    },
    get cwd() {
      return cwd;
    },
    annals: (args, env = {}, stdin = "") =>
      runCli(args, { cwd, env: { ...environment(), ...env }, stdin }),
    start(args, env = {}) {
      const cli = startCli(args, { cwd, env: { ...environment(), ...env } });
      running.push(cli);
      return cli;
    },
  };
}

/** The lines of an output, empty ones left out. */
export function linesOf(text: string): string[] {
  return text.split("\n").filter((line) => line !== "");
}

/** The sequences of an output in NDJSON. */
export function sequencesOf(text: string): number[] {
  return linesOf(text).map((line) => (JSON.parse(line) as { sequence: number }).sequence);
}

/** 1, 2, … n. */
export function upTo(n: number): number[] {
  return Array.from({ length: n }, (_, i) => i + 1);
}
