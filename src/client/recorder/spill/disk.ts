/** Work on files, written once and run either way: awaited, or at once when a process is about to end. */
import fs from "node:fs";
import { promisify } from "node:util";

const open = promisify<string, string, number | undefined, number>(fs.open);
const fstat = promisify<number, fs.Stats>(fs.fstat);
const ftruncate = promisify<number, number>(fs.ftruncate);

/** Some work on files; `later` or `now` does it. */
export type Work<T> = Generator<Step, T, unknown>;

interface Step {
  readonly now: () => unknown;
  readonly later: () => Promise<unknown>;
}

/** Does the work off the event loop. Rejects with what the work throws. */
export async function later<T>(work: Work<T>): Promise<T> {
  for (let step = work.next(); ; ) {
    if (step.done) return step.value;
    let outcome: unknown;
    try {
      outcome = await step.value.later();
    } catch (error) {
      step = work.throw(error);
      continue;
    }
    step = work.next(outcome);
  }
}

/** Does the work before it returns. Throws what the work throws. */
export function now<T>(work: Work<T>): T {
  for (let step = work.next(); ; ) {
    if (step.done) return step.value;
    let outcome: unknown;
    try {
      outcome = step.value.now();
    } catch (error) {
      step = work.throw(error);
      continue;
    }
    step = work.next(outcome);
  }
}

/** The calls of `node:fs` that are needed, under their names there. Each fails with the errno's code. */
export const disk = {
  open: either<[path: string, flags: string, mode?: number], number>(
    (path: string, flags: string, mode?: number) => fs.openSync(path, flags, mode),
    (path, flags, mode) => open(path, flags, mode),
  ),
  close: either(fs.closeSync, promisify(fs.close)),
  write: either(
    (fd: number, bytes: Uint8Array, position: number) =>
      fs.writeSync(fd, bytes, 0, bytes.length, position),
    async (fd, bytes, position) =>
      (await promisify(fs.write)(fd, bytes, 0, bytes.length, position)).bytesWritten,
  ),
  fsync: either(fs.fsyncSync, promisify(fs.fsync)),
  fdatasync: either(fs.fdatasyncSync, promisify(fs.fdatasync)),
  ftruncate: either(
    (fd: number, size: number) => fs.ftruncateSync(fd, size),
    (fd, size) => ftruncate(fd, size),
  ),
  fstat: either(
    (fd: number) => fs.fstatSync(fd),
    (fd) => fstat(fd),
  ),
  stat: either(
    (path: string) => fs.statSync(path),
    (path) => fs.promises.stat(path),
  ),
  mkdir: either(
    (path: string, options: fs.MakeDirectoryOptions) => fs.mkdirSync(path, options),
    (path, options) => fs.promises.mkdir(path, options),
  ),
  readdir: either(
    (path: string) => fs.readdirSync(path, { withFileTypes: true }),
    (path) => fs.promises.readdir(path, { withFileTypes: true }),
  ),
  rename: either(
    (from: string, to: string) => fs.renameSync(from, to),
    (from, to) => fs.promises.rename(from, to),
  ),
  chmod: either(
    (path: string, mode: number) => fs.chmodSync(path, mode),
    (path, mode) => fs.promises.chmod(path, mode),
  ),
  unlink: either(
    (path: string) => fs.unlinkSync(path),
    (path) => fs.promises.unlink(path),
  ),
  rmdir: either(
    (path: string) => fs.rmdirSync(path),
    (path) => fs.promises.rmdir(path),
  ),
};

/** One call, as work. */
function either<A extends readonly unknown[], R>(
  now: (...args: A) => R,
  later: (...args: A) => Promise<R>,
): (...args: A) => Work<R> {
  return function* (...args) {
    return (yield { now: () => now(...args), later: () => later(...args) }) as R;
  };
}

/** Writes all the bytes, however many calls it takes; tells `onProgress` how many each wrote. */
export function* writeFully(
  fd: number,
  bytes: Uint8Array,
  position: number,
  onProgress: (bytes: number) => void = () => {},
): Work<void> {
  for (let done = 0; done < bytes.length; ) {
    const written = yield* disk.write(fd, bytes.subarray(done), position + done);
    done += written;
    onProgress(written);
  }
}

/** Makes new names in a directory outlast a power failure, on file systems that can. */
export function* syncDirectory(path: string): Work<void> {
  const fd = yield* disk.open(path, "r");
  try {
    yield* disk.fsync(fd);
  } catch (error) {
    if (!["EINVAL", "ENOTSUP"].includes(codeOf(error) ?? "")) throw error;
  } finally {
    yield* disk.close(fd);
  }
}

/** What the work gives, or nothing if the file or its directory is not there. */
export function* ifThere<T>(work: Work<T>): Work<T | undefined> {
  try {
    return yield* work;
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
}

/** Whether an error says that a file, or a directory above it, is not there. */
export function isMissing(error: unknown): boolean {
  return ["ENOENT", "ENOTDIR", "ESTALE"].includes(codeOf(error) ?? "");
}

/** The errno's name, `ENOSPC`. */
export function codeOf(error: unknown): string | undefined {
  return error instanceof Error ? (error as NodeJS.ErrnoException).code : undefined;
}
