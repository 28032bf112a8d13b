import { existsSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { parentPort, workerData } from "node:worker_threads";
import { PGlite } from "@electric-sql/pglite";
import { serveSingleSession } from "./single-session.ts";

/** What the thread is told. */
export interface EmbeddedWorkerData {
  /** PGlite's data directory. */
  readonly directory: string;
  /** Exists while the data directory is being made. */
  readonly unfinished: string;
  /** Where to listen; undefined to make the data directory and end. */
  readonly socket: string | undefined;
}

const { directory, unfinished, socket } = workerData as EmbeddedWorkerData;

// PGlite ignores the settings that a connection asks for, so they are given here.
const settings = ["timezone=UTC", "datestyle=ISO, YMD", "synchronous_commit=on"];

async function openDatabase(): Promise<PGlite> {
  // A making that was interrupted left nothing that was ever answered for.
  if (existsSync(unfinished)) rmSync(directory, { recursive: true, force: true });
  const fresh = !existsSync(directory);
  if (fresh) {
    writeFileSync(unfinished, "");
    mkdirSync(directory, { mode: 0o700 });
  }
  const database = await PGlite.create({
    dataDir: directory,
    startParams: [...PGlite.defaultStartParams, ...settings.flatMap((setting) => ["-c", setting])],
  });
  if (fresh) rmSync(unfinished);
  return database;
}

const database = await openDatabase();
if (socket === undefined) {
  await database.close();
} else {
  const server = await serveSingleSession(database, socket);
  server.failed.then((error) => {
    // Thrown outside the promise, to end the thread with this error.
    setImmediate(() => {
      throw error;
    });
  });
  parentPort?.once("message", async () => {
    await server.close();
    await database.close();
    parentPort?.close();
  });
  parentPort?.postMessage("listening");
}
