/** Where a tail keeps its position from one run to the next. */
import { open, readFile, rename } from "node:fs/promises";
import { SeenEntries } from "../client/seen-entries.ts";
import { UsageError } from "./failure.ts";

/** How many entries are kept beside the cursor: what a resume across teams may send again. */
const recentEntries = 1_000;

/**
 * The saved position and the entries printed last before it; undefined if the file does not exist.
 * Throws UsageError for a file that is something else.
 */
export async function readCursorFile(
  path: string,
): Promise<{ cursor: string; seen: SeenEntries } | undefined> {
  let text: string;
  try {
    text = await readFile(path, "utf8");
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return undefined;
    throw error;
  }
  const saved = parse(text);
  if (!saved) throw new UsageError(`${path} is not a cursor file; remove it to start afresh`);
  return { cursor: saved.cursor, seen: new SeenEntries(saved.recent) };
}

/**
 * Writes the position so that after a crash the file holds the old one or the new one. `seen` is
 * for a tail across teams; within a team nothing comes again after a resume.
 */
export async function writeCursorFile(
  path: string,
  cursor: string,
  seen: SeenEntries | undefined,
): Promise<void> {
  const recent = seen?.recent(recentEntries) ?? [];
  const temporary = `${path}.${process.pid}.tmp`;
  {
    await using file = await open(temporary, "w", 0o600);
    await file.writeFile(`${JSON.stringify({ cursor, recent })}\n`);
    await file.sync();
  }
  await rename(temporary, path);
}

function parse(text: string): { cursor: string; recent: string[] } | undefined {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value !== "object" || value === null) return undefined;
    const { cursor, recent } = value as { cursor?: unknown; recent?: unknown };
    const complete = typeof cursor === "string" && cursor !== "" && Array.isArray(recent);
    return complete ? { cursor, recent: recent.map(String) } : undefined;
  } catch {
    return undefined;
  }
}
