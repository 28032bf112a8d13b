import { existsSync } from "node:fs";
import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { Worker } from "node:worker_threads";
import type pg from "pg";
import type { EmbeddedWorkerData } from "./embedded-worker.ts";

/**
 * PostgreSQL inside this process (PGlite), for the ordinary driver.
 *
 * It has one session: use one connection at a time. A second waits for the first to end, 3 s at
 * most, and is then refused with SQLSTATE 53300; LISTEN delivers nothing. Connections always have
 * time zone UTC, ISO dates and synchronous_commit, and ignore the settings asked for when
 * connecting (time-outs and application_name among them). It runs with fsync off: what it has
 * committed survives the end of the process, kill -9 too, but not of the machine.
 */
export interface Embedded {
  readonly connection: pg.ClientConfig;
  /** Resolves with the cause if the database dies by itself; stays pending otherwise. */
  readonly failed: Promise<Error>;
  /** Cuts off connections, shuts the database down and frees the directory. */
  close(): Promise<void>;
}

/** Unix socket paths end at 104 bytes on macOS and 108 on Linux, a NUL included. */
const MAX_SOCKET_PATH_BYTES = 103;
const CLOSE_WITHIN_MS = 5_000;
/** Names the socket file, as PostgreSQL's drivers expect it. */
const PORT = 5432;

/**
 * Opens the database under `dataDir`, making both when absent, in a worker thread, so that no query
 * blocks the event loop.
 *
 * @throws Error when another process (or this one) has the directory open.
 */
export async function openEmbedded(dataDir: string): Promise<Embedded> {
  const root = resolve(dataDir);
  await mkdir(root, { recursive: true, mode: 0o700 });
  const lock = lockDirectory(root);
  try {
    const directory = join(root, "postgres");
    const unfinished = join(root, "postgres-unfinished");
    // Making a database takes much memory, which only the end of its thread gives back.
    if (!existsSync(directory) || existsSync(unfinished)) {
      await new DatabaseThread({ directory, unfinished, socket: undefined }).exited();
    }
    const host = await socketDirectory(root);
    const thread = new DatabaseThread({ directory, unfinished, socket: socketIn(host) });
    await thread.listening();
    let closing: Promise<void> | undefined;
    const close = async (): Promise<void> => {
      try {
        await thread.end();
      } finally {
        await rm(host, { recursive: true, force: true });
        lock.close();
      }
    };
    return {
      connection: { host, port: PORT, user: "postgres", database: "postgres" },
      failed: thread.failed,
      close: () => {
        closing ??= close();
        return closing;
      },
    };
  } catch (error) {
    lock.close();
    throw error;
  }
}

class DatabaseThread {
  readonly failed: Promise<Error>;
  readonly #worker: Worker;
  readonly #listening: Promise<void>;
  readonly #exited: Promise<void>;
  #ending: boolean;

  constructor(workerData: EmbeddedWorkerData) {
    this.#ending = workerData.socket === undefined;
    this.#worker = new Worker(new URL("./embedded-worker.ts", import.meta.url), {
      workerData,
      // The program's own flags, such as --eval's, may not suit a thread.
      execArgv: [],
    });
    const failure = Promise.withResolvers<Error>();
    this.failed = failure.promise;
    this.#worker.once("error", (cause) => {
      failure.resolve(new Error(`the embedded database failed: ${cause}`, { cause }));
    });
    this.#listening = new Promise((resolve) => this.#worker.once("message", () => resolve()));
    this.#exited = new Promise((resolve) => {
      this.#worker.once("exit", () => {
        if (!this.#ending) failure.resolve(new Error("the embedded database ended unasked"));
        resolve();
      });
    });
  }

  /** Waits for the first message, which says that clients can connect. */
  async listening(): Promise<void> {
    const error = await Promise.race([this.#listening, this.failed]);
    if (error) throw error;
  }

  async exited(): Promise<void> {
    // An error is told before the exit, and so wins.
    const error = await Promise.race([this.failed, this.#exited]);
    if (error) throw error;
  }

  async end(): Promise<void> {
    this.#ending = true;
    this.#worker.postMessage("close");
    // Cut off in the middle of a long query, the database recovers when it is next opened.
    const late = setTimeout(() => void this.#worker.terminate(), CLOSE_WITHIN_MS);
    await this.#exited;
    clearTimeout(late);
  }
}

/** An SQLite lock, since Node has no flock: the kernel frees it however the process ends. */
function lockDirectory(root: string): DatabaseSync {
  const lock = new DatabaseSync(join(root, "lock"));
  try {
    lock.exec("PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE");
    return lock;
  } catch (cause) {
    lock.close();
    throw new Error(
      `another annals server has the data directory ${root} open; ` +
        "stop it, or give this one another DATA_DIR",
      { cause },
    );
  }
}

/** A fresh directory that only this user can enter, with a path short enough for a socket. */
async function socketDirectory(root: string): Promise<string> {
  const near = join(root, "socket");
  if (Buffer.byteLength(socketIn(near)) > MAX_SOCKET_PATH_BYTES) {
    return mkdtemp(join(tmpdir(), "annals-"));
  }
  await rm(near, { recursive: true, force: true });
  await mkdir(near, { mode: 0o700 });
  return near;
}

function socketIn(host: string): string {
  return join(host, `.s.PGSQL.${PORT}`);
}
