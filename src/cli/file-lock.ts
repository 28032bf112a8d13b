/** Locks between processes. An SQLite lock, since Node has no flock: see docs/decisions/0005. */
import { existsSync } from "node:fs";
import { rm } from "node:fs/promises";
import { DatabaseSync } from "node:sqlite";
import { setTimeout as delay } from "node:timers/promises";

/** A lock that is held; the kernel frees it however the process ends. */
export interface FileLock extends Disposable {
  /** Frees it and removes its file, which others make again when they need it. */
  remove(): Promise<void>;
}

const sqliteBusy = 5;
const retryMs = 25;

/**
 * Locks `path`, a file of the lock's own that is made as needed. Waits up to `waitMs`; answers
 * undefined if somebody else has it for so long.
 */
export async function lockFile(path: string, waitMs: number): Promise<FileLock | undefined> {
  for (const giveUp = performance.now() + waitMs; ; await delay(retryMs)) {
    const lock = tryLock(path);
    if (lock) return lock;
    if (performance.now() >= giveUp) return undefined;
  }
}

function tryLock(path: string): FileLock | undefined {
  let database: DatabaseSync | undefined;
  try {
    database = new DatabaseSync(path, { timeout: 0 });
    database.exec("PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE");
  } catch (cause) {
    database?.close();
    if (!(cause instanceof Error)) throw cause;
    if ("errcode" in cause && cause.errcode === sqliteBusy) return undefined;
    throw new Error(`${path} cannot be locked: ${cause.message}`, { cause });
  }
  const held = database;
  const free = () => {
    if (held.isOpen) held.close();
  };
  // Removed by its holder between our opening and locking it: it locks nothing any more.
  if (!existsSync(path)) {
    free();
    return undefined;
  }
  return {
    async remove() {
      if (held.isOpen) await rm(path, { force: true });
      free();
    },
    [Symbol.dispose]: free,
  };
}
