/** Where a command may write its file, asked before the work is done. */
import { stat } from "node:fs/promises";
import { basename, dirname } from "node:path";
import { UsageError } from "./failure.ts";

/**
 * Demands that a file can stand there, or be replaced.
 *
 * @throws UsageError for a directory, a device, an empty name, or a place in a directory that is
 *   not there.
 */
export async function requireFilePlace(path: string): Promise<void> {
  if (basename(path) === "" || /[/\\]$/.test(path)) {
    throw new UsageError(`${JSON.stringify(path)} does not name a file`);
  }
  const there = await statIfThere(path);
  if (there && !there.isFile()) throw new UsageError(`${path} is there, and is no file`);
  const directory = dirname(path);
  if (there || (await statIfThere(directory))?.isDirectory()) return;
  throw new UsageError(`${path}: there is no directory ${directory}`);
}

async function statIfThere(path: string) {
  try {
    return await stat(path);
  } catch (error) {
    const code = error instanceof Error && "code" in error ? error.code : undefined;
    if (code === "ENOENT" || code === "ENOTDIR") return undefined;
    throw error;
  }
}
