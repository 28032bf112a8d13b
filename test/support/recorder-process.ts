import { type ChildProcess, execFileSync, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { tmpdir } from "node:os";
import { fileURLToPath } from "node:url";
import type { RecorderOptions } from "../../src/client/recorder/create-recorder.ts";
import type { RecorderStats } from "../../src/client/recorder/stats.ts";
import { programEnv } from "./program-env.ts";
import type { TrafficOptions } from "./recorder-traffic.ts";

const main = fileURLToPath(new URL("recorder-process-main.ts", import.meta.url));

/** What the process is told to do, one thing after another. Each answers with a {@link Report}. */
export type Command =
  /** Records so many entries, pausing now and then. */
  | { readonly do: "record"; readonly entries: number }
  /** Records so many without letting anything else run. */
  | { readonly do: "burst"; readonly entries: number }
  /** Records until told to stop. */
  | { readonly do: "start" | "stop" }
  | { readonly do: "flush" | "close"; readonly timeoutMs: number }
  | { readonly do: "report" }
  /** Moves the process's clock, from where it really is. */
  | { readonly do: "clock"; readonly offsetMs: number };

/** A last command: the process records so many entries and ends, in the same turn of the event loop. */
export interface Ending {
  readonly entries: number;
  /**
   * `exit`: by process.exit(3); `throw`: by an exception that nobody catches; `reject`: by a promise
   * whose rejection nobody handles; `return`: nothing is left to do; `exit amid close`: by process.exit(3)
   * while `close` writes what waits to disk.
   */
  readonly by: "exit" | "throw" | "reject" | "return" | "exit amid close";
}

/**
 * A disk with room for so many KiB: `limit`, with that much in each file (EFBIG; `ulimit -f`); or `tmpfs`,
 * a file system of that size at the directory (ENOSPC), which the process alone sees.
 */
export interface SmallDisk {
  readonly kind: "limit" | "tmpfs";
  readonly directory: string;
  readonly kib: number;
}

/** How the process stands. */
export interface Report {
  /** How many entries were recorded, in the sense of `record` being called. */
  readonly taken: number;
  readonly stats: RecorderStats;
  /** What `record` threw, as text. */
  readonly thrown: readonly string[];
  /** Events so far, by name. */
  readonly events: Readonly<Record<string, number>>;
  /** What the command itself answered: whether it was flushed. */
  readonly answer: boolean;
}

/** The recorder's options and its traffic. */
export interface RecorderProcessOptions {
  readonly recorder: RecorderOptions;
  readonly traffic: TrafficOptions;
  /** A file to resolve names by, before the system's resolver: lines of `address name`. */
  readonly hostsFile?: string;
  /** A disk that is soon full. */
  readonly disk?: SmallDisk;
  /** Becomes this user and group before it makes the recorder; only root may. */
  readonly uid?: number;
  /** Ends in the same turn of the event loop in which the recorder was made. */
  readonly atOnce?: Ending;
}

/** A process that records. */
export interface RecorderProcess extends AsyncDisposable {
  readonly pid: number;
  /** What it wrote to standard error. */
  readonly complaints: string;
  do(command: Command): Promise<Report>;
  /** Has it end so. Resolves with the exit code, or the signal that ended it. */
  end(ending: Ending): Promise<number | NodeJS.Signals | null>;
  /** The same, when it ends by itself. */
  readonly ended: Promise<number | NodeJS.Signals | null>;
  signal(name: NodeJS.Signals): void;
  /** Kills it as `kill -9` does, and waits for that. */
  kill(): Promise<void>;
}

/** Starts a process with a recorder; its recorder is made when this resolves. */
export async function startRecorderProcess(
  options: RecorderProcessOptions,
): Promise<RecorderProcess> {
  const hooks = ["moved-clock", ...(options.hostsFile === undefined ? [] : ["hosts-file"])];
  const imports = hooks.flatMap((name) => [
    "--import",
    new URL(`${name}.ts`, import.meta.url).href,
  ]);
  const [command = "", ...args] = [
    ...(options.disk === undefined ? [] : withSmallDisk(options.disk)),
    ...[process.execPath, ...imports, main],
  ];
  const child = spawn(command, args, {
    cwd: tmpdir(),
    env: { ...programEnv, HOSTS_FILE: options.hostsFile ?? "" },
    stdio: ["ignore", "ignore", "pipe", "ipc"],
  });
  const started = new Started(child);
  if (options.atOnce) child.send(options);
  else await started.ask(options);
  return started;
}

/** Whether this user, on this machine, may give a process a `tmpfs`. */
export function canMountTmpfs(): boolean {
  const [command = "", ...args] = withSmallDisk({ kind: "tmpfs", directory: tmpdir(), kib: 64 });
  return spawnSync(command, [...args, "true"]).status === 0;
}

/** Makes a process's `tmpfs` so large, as whoever frees space on a disk does. */
export function resizeTmpfs({ pid }: RecorderProcess, { directory }: SmallDisk, kib: number): void {
  const enter = ["-t", String(pid), "-m", ...(isRoot ? [] : ["-U", "--preserve-credentials"])];
  execFileSync("nsenter", [...enter, "mount", "-o", `remount,size=${kib}k`, directory]);
}

const isRoot = process.getuid?.() === 0;

/** The beginning of a command that runs the rest of it with such a disk. */
function withSmallDisk({ kind, directory, kib }: SmallDisk): string[] {
  // Blocks of 1,024 bytes in bash, of 512 in other shells.
  if (kind === "limit") return ["bash", "-c", 'ulimit -f "$0" && exec "$@"', String(kib)];
  const mount = `mount -t tmpfs -o size=${kib}k,mode=0777 annals-test "$0" && exec "$@"`;
  return ["unshare", isRoot ? "-m" : "-Urm", "sh", "-c", mount, directory];
}

class Started implements RecorderProcess {
  complaints = "";
  readonly #child: ChildProcess;
  readonly ended: Promise<number | NodeJS.Signals | null>;

  constructor(child: ChildProcess) {
    this.#child = child;
    this.ended = once(child, "close").then(() => child.exitCode ?? child.signalCode);
    child.stderr?.setEncoding("utf8").on("data", (text: string) => {
      this.complaints += text;
    });
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  do(command: Command): Promise<Report> {
    return this.ask(command) as Promise<Report>;
  }

  /** Sends a message and waits for the answer to it. One at a time. */
  async ask(message: object): Promise<unknown> {
    const answer = once(this.#child, "message");
    this.#child.send(message);
    const [told] = await Promise.race([
      answer,
      this.ended.then(() => {
        throw new Error(`the recorder's process has ended: ${this.complaints}`);
      }),
    ]);
    return told;
  }

  async end(ending: Ending): Promise<number | NodeJS.Signals | null> {
    this.#child.send(ending);
    return this.ended;
  }

  signal(name: NodeJS.Signals): void {
    this.#child.kill(name);
  }

  async kill(): Promise<void> {
    this.#child.kill("SIGKILL");
    await this.ended;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill();
  }
}
