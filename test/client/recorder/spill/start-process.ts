import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import type { Answer, Command } from "./spill-process.ts";

const program = fileURLToPath(new URL("./spill-process.ts", import.meta.url));

/** A spill in a process of its own. */
export interface SpillProcess extends AsyncDisposable {
  readonly pid: number;
  /** All that it has said. */
  readonly answers: readonly Answer[];
  /** Tells it to do something, and waits for the answer. */
  ask(command: Command): Promise<Answer>;
  /** Tells it to do something that has no end. */
  tell(command: Command): void;
  /** Waits until it has said so many things. */
  until(answers: number): Promise<void>;
  signal(name: NodeJS.Signals): void;
  /** Lets it close, and waits for its end. */
  close(): Promise<void>;
  /** Kills it, and waits for its end. */
  kill(): Promise<void>;
}

/**
 * Starts a process that opens the spill. `within` is a command to run it in, such as a shell that sets a
 * limit: what it does with its arguments is to run them.
 */
export async function startSpill(
  directory: string,
  tuning: { lookMs?: number; segmentBytes?: number } = {},
  within: readonly string[] = [],
): Promise<SpillProcess> {
  const [file = "", ...args] = [
    ...within,
    process.execPath,
    program,
    directory,
    JSON.stringify(tuning),
  ];
  const child = spawn(file, args, { stdio: ["pipe", "pipe", "inherit"] });
  const ended = once(child, "close");
  const answers: Answer[] = [];
  let more = Promise.withResolvers<void>();
  const wake = () => {
    more.resolve();
    more = Promise.withResolvers<void>();
  };
  createInterface({ input: child.stdout }).on("line", (line) => {
    answers.push(JSON.parse(line) as Answer);
    wake();
  });
  let hasEnded = false;
  void ended.then(() => {
    hasEnded = true;
    wake();
  });
  child.stdin.on("error", () => wake());
  const until = async (count: number) => {
    while (answers.length < count) {
      if (hasEnded) throw new Error(`the process ended: ${child.exitCode ?? child.signalCode}`);
      await more.promise;
    }
  };
  const tell = (command: Command) => void child.stdin.write(`${JSON.stringify(command)}\n`);
  const kill = async () => {
    child.kill("SIGKILL");
    await ended;
  };
  await until(1);
  return {
    pid: child.pid ?? 0,
    answers,
    until,
    tell,
    kill,
    signal: (name) => void child.kill(name),
    ask: async (command) => {
      const before = answers.length;
      tell(command);
      await until(before + 1);
      return answers[before] ?? {};
    },
    close: async () => {
      child.stdin.end();
      await ended;
      if (child.exitCode !== 0) throw new Error(`ended with ${child.exitCode ?? child.signalCode}`);
    },
    [Symbol.asyncDispose]: kill,
  };
}
