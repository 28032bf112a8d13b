import { spawn } from "node:child_process";
import { once } from "node:events";
import { access, glob, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";

/** What a run of pgbench brought. */
export interface PgbenchRun {
  readonly transactions: number;
  readonly perSecond: number;
  /** Milliseconds from the (scheduled) start to the end of each, ascending; empty unless logged. */
  readonly latenciesMs: Float64Array;
}

/** How to run it. */
export interface PgbenchOptions {
  readonly url: string;
  /** The transaction; of several, one at random each time. */
  readonly scripts: readonly string[];
  readonly variables?: Readonly<Record<string, string>>;
  readonly clients: number;
  readonly seconds: number;
  /** So many transactions a second at random times (a Poisson process), instead of as many as can be. */
  readonly perSecond?: number;
  /** Whether to log each transaction, for latencies. */
  readonly log?: boolean;
}

/**
 * The pgbench of PATH, or the newest of those that packages of PostgreSQL bring.
 *
 * @throws Error saying what to install if there is none.
 */
export async function findPgbench(): Promise<string> {
  const packaged = await Array.fromAsync(glob("/usr/lib/postgresql/*/bin"));
  packaged.sort((a, b) => b.localeCompare(a, "en", { numeric: true }));
  for (const directory of [...(process.env.PATH ?? "").split(delimiter), ...packaged]) {
    const program = join(directory, "pgbench");
    const found = await access(program).then(
      () => true,
      () => false,
    );
    if (found) return program;
  }
  throw new Error(
    "there is no pgbench on this machine, and without it there is nothing to compare with: " +
      "install it (Debian and Ubuntu: `apt-get install postgresql-contrib`) or put it on PATH",
  );
}

/**
 * Runs a transaction again and again, prepared, by so many clients.
 *
 * @throws Error if it fails, or if any transaction did.
 */
export async function runPgbench(program: string, options: PgbenchOptions): Promise<PgbenchRun> {
  const { url, scripts, clients, seconds, perSecond, log = false, variables = {} } = options;
  const directory = await mkdtemp(join(tmpdir(), "annals-bench-pgbench-"));
  try {
    const files = scripts.map((_, i) => `script-${i}.sql`);
    for (const [i, file] of files.entries()) {
      await writeFile(join(directory, file), scripts[i] as string);
    }
    const args = [
      "--no-vacuum",
      "--protocol=prepared",
      ...files.map((file) => `--file=${file}`),
      `--client=${clients}`,
      `--jobs=${Math.min(clients, 2)}`,
      `--time=${Math.max(1, Math.round(seconds))}`,
      ...(perSecond === undefined ? [] : [`--rate=${perSecond}`]),
      ...(log ? ["--log", "--log-prefix=transactions"] : []),
      ...Object.entries(variables).map(([name, value]) => `--define=${name}=${value}`),
      url,
    ];
    const output = await run(program, args, directory);
    const number = (pattern: RegExp) => Number(pattern.exec(output)?.[1]);
    const transactions = number(/transactions actually processed: (\d+)/);
    const failed = number(/failed transactions: (\d+)/);
    const tps = number(/^tps = ([\d.]+)/m);
    if (!(transactions > 0) || failed !== 0 || !(tps > 0)) {
      throw new Error(`pgbench did not do its work: ${output}`);
    }
    return { transactions, perSecond: tps, latenciesMs: await readLatencies(directory) };
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

/** Fields: client, transaction, time in µs (with a rate: since the scheduled start), and more. */
async function readLatencies(directory: string): Promise<Float64Array> {
  const latencies: number[] = [];
  for (const name of await readdir(directory)) {
    if (!name.startsWith("transactions.")) continue;
    for (const line of (await readFile(join(directory, name), "latin1")).split("\n")) {
      if (line !== "") latencies.push(Number(line.split(" ", 3)[2]) / 1_000);
    }
  }
  return Float64Array.from(latencies).sort();
}

async function run(program: string, args: readonly string[], cwd: string): Promise<string> {
  const child = spawn(program, args, { cwd, stdio: ["ignore", "pipe", "pipe"] });
  let output = "";
  const collect = (text: string) => {
    output += text;
  };
  child.stdout.setEncoding("utf8").on("data", collect);
  child.stderr.setEncoding("utf8").on("data", collect);
  const [status] = await once(child, "close");
  if (status !== 0) throw new Error(`pgbench failed: ${output.slice(-2_000)}`);
  return output;
}
