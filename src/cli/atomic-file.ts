/** Files that are there whole or not at all, whenever the machine stops. */
import { open, rename, rm } from "node:fs/promises";
import { dirname } from "node:path";

/** Writes a file in place of what was there; after a crash it holds the old text or the new. */
export async function replaceFile(path: string, text: string): Promise<void> {
  const temporary = `${path}.${process.pid}.tmp`;
  try {
    // Never through a link that somebody has put there.
    await rm(temporary, { force: true });
    await using file = await open(temporary, "wx", 0o600);
    await file.writeFile(text);
    await file.sync();
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
  await syncDirectory(path);
}

/** Makes what was renamed into or out of a file's directory last. */
export async function syncDirectory(path: string): Promise<void> {
  // Windows has no such call.
  if (process.platform === "win32") return;
  await using directory = await open(dirname(path), "r");
  await directory.sync();
}
