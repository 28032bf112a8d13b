import { closeSync, fsyncSync, mkdirSync, openSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import { DatabaseSync, type SQLOutputValue } from "node:sqlite";
import { parentPort, workerData } from "node:worker_threads";

/**
 * The thread in which a directory store keeps its SQLite file, so that neither syncing to disk nor
 * waiting for another process's lock blocks the event loop.
 */

/** What the thread is told. */
export interface DirectoryStoreWorkerData {
  readonly directory: string;
  /** Whether a store that is not there is made. */
  readonly create: boolean;
  /** How long another process's lock is waited for. */
  readonly lockMs: number;
}

/** What the thread can be asked. A group of them is one transaction. */
export type StoreRequest =
  | { readonly kind: "get"; readonly teamId: string }
  | { readonly kind: "page"; readonly after: string; readonly limit: number }
  | { readonly kind: "changes"; readonly after: bigint; readonly limit: number }
  | { readonly kind: "superseded"; readonly teamId: string; readonly size: bigint }
  | {
      /** Answered with the head that is there afterwards. */
      readonly kind: "replace";
      readonly teamId: string;
      /** The note to be replaced; null if there should be none. */
      readonly expected: string | null;
      readonly size: bigint;
      readonly note: string;
      /** Why a head that contradicts the one expected takes its place; else null. */
      readonly reason: string | null;
    };

/** A team's last signed head as it is stored. */
export interface StoredHead {
  readonly teamId: string;
  readonly size: bigint;
  readonly note: string;
  /** Grows with every head that is put there, of whatever team. */
  readonly revision: bigint;
}

/** To a group of requests: the heads for each, or why nothing of it was done. */
export type StoreReply = { readonly heads: StoredHead[][] } | { readonly problem: string };

const { directory, create, lockMs } = workerData as DirectoryStoreWorkerData;
const file = join(directory, "checkpoints.sqlite");
const schemaVersion = 1;

// The default, a journal that is deleted, is not enough: a power cut right after COMMIT can bring
// the deleted journal back, and with it the head before. A truncation is synced. Not WAL, whose
// shared memory does not reach across machines.
const settings = "PRAGMA journal_mode = TRUNCATE; PRAGMA synchronous = FULL";

const schema = `
  CREATE TABLE IF NOT EXISTS signed_heads (
    team_id TEXT PRIMARY KEY,
    size INTEGER NOT NULL CHECK (size > 0),
    note TEXT NOT NULL,
    revision INTEGER NOT NULL UNIQUE
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS superseded_heads (
    team_id TEXT NOT NULL,
    size INTEGER NOT NULL,
    note TEXT NOT NULL,
    superseded_time TEXT NOT NULL,
    reason TEXT NOT NULL
  ) STRICT;
  PRAGMA user_version = ${schemaVersion}`;

/** The open file, and which one it was. */
let opened: { readonly database: DatabaseSync; readonly identity: string | undefined } | undefined;
let everOpened = false;

/**
 * The file, opened anew if another has taken its place (a volume that was mounted again), since
 * SQLite would go on with the one that is gone. One that has vanished is not made anew by a process
 * that has seen it: an empty store forgets all that was signed.
 */
function open(): DatabaseSync {
  const identity = fileIdentity();
  if (opened !== undefined && opened.identity === identity) return opened.database;
  opened?.database.close();
  opened = undefined;
  if (identity === undefined && everOpened) throw new Error(`${file} has vanished`);
  if (identity === undefined && !create) throw new Error(`there is no ${file}`);
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  const database = new DatabaseSync(file, { timeout: lockMs, readBigInts: true });
  try {
    database.exec(settings);
    prepare(database);
  } catch (error) {
    database.close();
    throw error;
  }
  opened = { database, identity: fileIdentity() };
  everOpened = true;
  return database;
}

/** Device and inode; undefined if there is no such file. */
function fileIdentity(): string | undefined {
  const found = statSync(file, { throwIfNoEntry: false });
  return found && `${found.dev}/${found.ino}`;
}

/** Makes the tables of a new file. It writes in any case, which shows early whether that works. */
function prepare(database: DatabaseSync): void {
  transaction(database, () => {
    const version = database.prepare("PRAGMA user_version").get()?.user_version;
    if (Number(version) > schemaVersion) throw new Error(`${file} is of a newer version of annals`);
    database.exec(schema);
  });
  // A new file is there for good once the directories that lead to it are synced.
  for (const path of [directory, dirname(directory)]) syncDirectory(path);
}

function syncDirectory(path: string): void {
  const descriptor = openSync(path, "r");
  try {
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}

/** Holds the lock that one process can have, from here to COMMIT. */
function transaction<T>(database: DatabaseSync, work: () => T): T {
  database.exec("BEGIN IMMEDIATE");
  try {
    const result = work();
    database.exec("COMMIT");
    return result;
  } catch (error) {
    if (database.isTransaction) database.exec("ROLLBACK");
    throw error;
  }
}

function answer(database: DatabaseSync, request: StoreRequest): StoredHead[] {
  if (request.kind === "page") {
    const page = "WHERE team_id > ? ORDER BY team_id LIMIT ?";
    return read(database, page, request.after, request.limit);
  }
  if (request.kind === "changes") {
    return read(
      database,
      "WHERE revision > ? ORDER BY revision LIMIT ?",
      request.after,
      request.limit,
    );
  }
  if (request.kind === "superseded") {
    const columns = "team_id, size, note, 0 AS revision";
    const larger = `SELECT ${columns} FROM superseded_heads WHERE team_id = ? AND size >= ? LIMIT 1`;
    return database.prepare(larger).all(request.teamId, request.size).map(headOf);
  }
  if (request.kind === "replace") replace(database, request);
  return read(database, "WHERE team_id = ?", request.teamId);
}

function read(
  database: DatabaseSync,
  which: string,
  ...values: (string | number | bigint)[]
): StoredHead[] {
  const heads = database.prepare(`SELECT team_id, size, note, revision FROM signed_heads ${which}`);
  return heads.all(...values).map(headOf);
}

function headOf({ team_id, size, note, revision }: Record<string, SQLOutputValue>): StoredHead {
  if (typeof size !== "bigint" || typeof revision !== "bigint") {
    throw new Error(`${file} is damaged`);
  }
  return { teamId: String(team_id), size, note: String(note), revision };
}

function replace(
  database: DatabaseSync,
  { teamId, expected, size, note, reason }: StoreRequest & { kind: "replace" },
): void {
  const [present] = read(database, "WHERE team_id = ?", teamId);
  if ((present?.note ?? null) !== expected) return;
  if (reason !== null) {
    database
      .prepare(
        `INSERT INTO superseded_heads (team_id, size, note, superseded_time, reason)
        SELECT team_id, size, note, ?, ? FROM signed_heads WHERE team_id = ?`,
      )
      .run(new Date().toISOString(), reason, teamId);
  } else if (present !== undefined && size < present.size) {
    return;
  }
  database
    .prepare(
      `INSERT INTO signed_heads (team_id, size, note, revision)
      VALUES (?, ?, ?, (SELECT coalesce(max(revision), 0) + 1 FROM signed_heads))
      ON CONFLICT (team_id) DO UPDATE
      SET size = excluded.size, note = excluded.note, revision = excluded.revision`,
    )
    .run(teamId, size, note);
}

function answerAll(requests: readonly StoreRequest[]): StoreReply {
  try {
    const database = open();
    const work = () => requests.map((request) => answer(database, request));
    const writes = requests.some(({ kind }) => kind === "replace");
    return { heads: writes ? transaction(database, work) : work() };
  } catch (error) {
    return { problem: error instanceof Error ? error.message : String(error) };
  }
}

parentPort?.on("message", (requests: readonly StoreRequest[] | "close") => {
  if (requests !== "close") {
    parentPort?.postMessage(answerAll(requests));
    return;
  }
  opened?.database.close();
  parentPort?.close();
});
