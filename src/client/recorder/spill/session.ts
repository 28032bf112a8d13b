import { dirname, join, resolve } from "node:path";
import { contentsOf } from "./directory.ts";
import { disk, ifThere, isMissing, syncDirectory, type Work, writeFully } from "./disk.ts";
import { ownerText, thisProcess } from "./owner.ts";
import { leftName, newSessionName, ownerFile, plainName } from "./session-name.ts";

/** The mode of the owner file of a session that was claimed. */
const claimedMode = 0o400;

/**
 * A recorder's own directory in the spill directory. It is the recorder's for as long as it lies there under
 * its name: who takes this process for dead claims it by moving it into a session of its own. That is one
 * rename, so one alone succeeds, and a process that was only frozen sees that its directory is gone.
 */
export class Session {
  readonly path: string;
  /** The user whom files made here belong to. */
  readonly uid: number;
  readonly #root: string;
  readonly #name: string;
  readonly #ownerFd: number;
  #touches = 0;

  private constructor(root: string, name: string, uid: number, ownerFd: number) {
    this.#root = root;
    this.#name = name;
    this.path = join(root, name);
    this.uid = uid;
    this.#ownerFd = ownerFd;
  }

  /**
   * Makes a session, and the spill directory if it is missing.
   *
   * @throws Error of `node:fs`.
   */
  static *create(directory: string): Work<Session> {
    const root = resolve(directory);
    const made = yield* disk.mkdir(root, { recursive: true, mode: 0o700 });
    const name = newSessionName((yield* contentsOf(root)).sessions);
    const path = join(root, name);
    yield* disk.mkdir(path, { mode: 0o700 });
    let fd: number | undefined;
    try {
      fd = yield* disk.open(join(path, ownerFile), "wx+", 0o600);
      yield* writeFully(fd, Buffer.from(ownerText(thisProcess(), 0)), 0);
      const { uid } = yield* disk.stat(path);
      yield* syncDirectory(root);
      if (made !== undefined) yield* syncParents(root, made);
      return new Session(root, name, uid, fd);
    } catch (error) {
      if (fd !== undefined) yield* disk.close(fd);
      yield* ifThere(disk.unlink(join(path, ownerFile)));
      yield* ifThere(disk.rmdir(path));
      throw error;
    }
  }

  /**
   * Shows others that this process lives. Answers whether the session is still its own.
   *
   * @throws Error of `node:fs`.
   */
  *touch(): Work<boolean> {
    this.#touches += 1;
    // By its path, which shows whether it is still there; and opened and closed, so that others see it on
    // network file systems too.
    const fd = yield* ifThere(disk.open(join(this.path, ownerFile), "r+"));
    if (fd === undefined) return false;
    try {
      yield* writeFully(fd, Buffer.from(ownerText(thisProcess(), this.#touches)), 0);
    } finally {
      yield* disk.close(fd);
    }
    return true;
  }

  /**
   * Of a session that is no longer there: whether another process has it, or has had it, so that nothing is
   * lost. It was removed otherwise.
   */
  *wasClaimed(): Work<boolean> {
    const stat = yield* ifThere(disk.fstat(this.#ownerFd));
    return stat !== undefined && (stat.nlink > 0 || (stat.mode & 0o777) === claimedMode);
  }

  /**
   * Claims another session of the same user: moves it into this one. Answers whether it did; it does not
   * if it is claimed by another process, or continued, or not the same user's.
   *
   * @throws Error of `node:fs`.
   */
  *claim(name: string): Work<boolean> {
    const from = join(this.#root, name);
    const stat = yield* ifThere(disk.stat(from));
    // What another user has put there may be a forgery.
    if (stat === undefined || stat.uid !== this.uid) return false;
    return yield* this.#adopt(from);
  }

  /** Claims a session that lies in one that was claimed. */
  *adoptFrom(adopted: string, name: string): Work<boolean> {
    return yield* this.#adopt(join(adopted, name));
  }

  *#adopt(from: string): Work<boolean> {
    const to = join(this.path, plainName(from.slice(from.lastIndexOf("/") + 1)));
    try {
      yield* disk.rename(from, to);
    } catch (error) {
      if (isMissing(error)) return false;
      throw error;
    }
    // Tells its process, should it come back, that it was claimed and not removed: it has the file open,
    // and may be in the middle of writing to it, which leaves the mode alone.
    yield* ifThere(disk.chmod(join(to, ownerFile), claimedMode));
    return true;
  }

  /** Ends it. What is in it is left to whoever looks next; it is removed if there is nothing. */
  *leave(): Work<void> {
    try {
      const { sessions, segments } = yield* contentsOf(this.path);
      if (sessions.length + segments.length > 0) {
        yield* ifThere(disk.rename(this.path, join(this.#root, leftName(this.#name))));
      } else {
        yield* removeSession(this.path);
      }
    } finally {
      yield* this.forget();
    }
  }

  /** Lets go of a session that is no longer there, or is another process's. */
  *forget(): Work<void> {
    yield* disk.close(this.#ownerFd);
  }
}

/** Removes a session in which nothing waits; it stays if something does. */
export function* removeSession(path: string): Work<void> {
  try {
    yield* ifThere(disk.unlink(join(path, ownerFile)));
    yield* ifThere(disk.rmdir(path));
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code !== "ENOTEMPTY" && code !== "EEXIST") throw error;
  }
}

/** Syncs the directories above `root`, from it up to the parent of the first that was made. */
function* syncParents(root: string, made: string): Work<void> {
  const top = dirname(made);
  for (let path = dirname(root); path.length >= top.length; path = dirname(path)) {
    yield* syncDirectory(path);
    if (path === dirname(path)) return;
  }
}
