/** A file that an export grows in, and what it takes to go on after an interruption. */
import { createHash } from "node:crypto";
import { constants, type FileHandle, lstat, open, rename, rm } from "node:fs/promises";
import type { ExportReach } from "../client/export-steps.ts";
import { replaceFile, syncDirectory } from "./atomic-file.ts";
import { UsageError } from "./failure.ts";
import { type FileLock, lockFile } from "./file-lock.ts";
import { readIfThere } from "./missing-file.ts";

/** How far an export is: what the next run needs besides the file itself. */
export interface ExportState extends ExportReach {
  /** What was asked for: the same text for the same export. */
  readonly asked: string;
  /** What it is filtered by, in the API's JSON, times as they were understood at first. */
  readonly filter?: unknown;
}

interface SavedState {
  readonly version: typeof version;
  /** How much of the file the state tells of. */
  readonly bytes: number;
  readonly state: ExportState;
}

const version = 1;

/**
 * `<path>.part` with its state beside it, locked against a second run. What was written after the
 * last `save` is cut off by the next run.
 */
export class ExportFile implements AsyncDisposable {
  /** Where it grows. */
  readonly part: string;
  /** What an earlier run has left. */
  readonly saved: ExportState | undefined;
  readonly #path: string;
  readonly #lock: FileLock;
  readonly #file: FileHandle;
  #bytes: number;

  private constructor(path: string, lock: FileLock, file: FileHandle, saved?: SavedState) {
    this.part = partOf(path);
    this.saved = saved?.state;
    this.#path = path;
    this.#lock = lock;
    this.#file = file;
    this.#bytes = saved?.bytes ?? 0;
  }

  /**
   * Opens what an earlier run of the same export has left, or begins anew.
   *
   * @throws UsageError if `path` exists, or another export is there or is running, or the parts do
   *   not fit. With `restart` only the running one is respected.
   */
  static async open(path: string, asked: string, restart: boolean): Promise<ExportFile> {
    const part = partOf(path);
    if (!restart && (await exists(path))) {
      throw new UsageError(`${path} exists already: --restart replaces it in the end`);
    }
    const lock = await lockFile(`${part}.lock`, 0);
    if (!lock) throw new UsageError(`another export is writing ${part}`);
    try {
      if (restart) for (const each of [stateOf(path), part]) await rm(each, { force: true });
      const saved = await readState(path);
      if (!saved && !restart && (await exists(part))) {
        throw new UsageError(`${part} is there without its state: --restart begins anew`);
      }
      if (saved && saved.state.asked !== asked) {
        throw new UsageError(
          `${part} is of another export: ${saved.state.asked}\n` +
            `not of this one: ${asked}\n--restart begins anew`,
        );
      }
      return new ExportFile(path, lock, await openPart(part, saved?.bytes), saved);
    } catch (error) {
      await lock.remove();
      throw error;
    }
  }

  async write(text: string): Promise<void> {
    if (text === "") return;
    const bytes = Buffer.from(text);
    await this.#file.writeFile(bytes);
    this.#bytes += bytes.length;
  }

  /** Makes what was written last, and the state that goes with it. */
  async save(state: ExportState): Promise<void> {
    await this.#file.datasync();
    const saved = { version, bytes: this.#bytes, state } as const;
    const text = JSON.stringify({ ...saved, digest: digestOf(saved) });
    await replaceFile(stateOf(this.#path), `${text}\n`);
  }

  /** Leaves nothing to go on with: the next run begins anew. */
  async discard(): Promise<void> {
    await rm(stateOf(this.#path), { force: true });
    await rm(this.part, { force: true });
  }

  /** Writes the end and gives the whole file its name. */
  async finish(end: string): Promise<void> {
    await this.#file.writeFile(end);
    await this.#file.sync();
    await rename(this.part, this.#path);
    await syncDirectory(this.#path);
    await rm(stateOf(this.#path), { force: true });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#file.close();
    await this.#lock.remove();
  }
}

function partOf(path: string): string {
  return `${path}.part`;
}

function stateOf(path: string): string {
  return `${path}.part.state`;
}

/** Also a link that leads nowhere. */
async function exists(path: string): Promise<boolean> {
  return lstat(path).then(
    () => true,
    () => false,
  );
}

/**
 * The file, to be written on from its first `bytes`, the rest cut off; a new one without `bytes`.
 * Never what a symbolic link leads to.
 */
async function openPart(part: string, bytes: number | undefined): Promise<FileHandle> {
  if (bytes === undefined) return open(part, "ax", 0o600);
  if (!(await isFile(part))) {
    throw new UsageError(`${part}, which its state tells of, is no file: --restart begins anew`);
  }
  // Windows has no such flag.
  const noFollow = constants.O_NOFOLLOW ?? 0;
  const file = await open(part, constants.O_WRONLY | constants.O_APPEND | noFollow);
  try {
    const { size } = await file.stat();
    if (size < bytes)
      throw new UsageError(`${part} is shorter than its state: --restart begins anew`);
    await file.truncate(bytes);
    return file;
  } catch (error) {
    await file.close();
    throw error;
  }
}

async function isFile(path: string): Promise<boolean> {
  return lstat(path).then(
    (found) => found.isFile(),
    () => false,
  );
}

async function readState(path: string): Promise<SavedState | undefined> {
  const text = await readIfThere(stateOf(path));
  if (text === undefined) return undefined;
  const saved = parseState(text);
  if (saved) return saved;
  throw new UsageError(`${stateOf(path)} is damaged: --restart begins anew`);
}

/** Whatever damages the file, its digest shows: a wrong frontier would look like a wrong log. */
function parseState(text: string): SavedState | undefined {
  try {
    const { digest, ...saved } = JSON.parse(text) as SavedState & { digest?: string };
    return saved.version === version && digest === digestOf(saved) ? saved : undefined;
  } catch {
    return undefined;
  }
}

function digestOf({ bytes, state }: SavedState): string {
  return createHash("sha256")
    .update(JSON.stringify([bytes, state]))
    .digest("base64");
}
