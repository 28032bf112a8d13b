/** What lies in a spill directory: sessions, in them segments and the sessions they have adopted. */
import { join } from "node:path";
import { codeOf, disk, ifThere, type Work } from "./disk.ts";
import { isSessionName, segmentPosition } from "./session-name.ts";

/** What lies in a directory, oldest first. */
export interface Contents {
  /** Names of sessions. */
  readonly sessions: readonly string[];
  /** Names of segments. */
  readonly segments: readonly string[];
}

/**
 * Lists a directory; it is empty if it is not there. What is neither a session nor a segment is left out;
 * so are symbolic links.
 */
export function* contentsOf(path: string): Work<Contents> {
  const found = (yield* ifThere(disk.readdir(path))) ?? [];
  const names = (list: typeof found) => list.map(({ name }) => name).sort();
  return {
    sessions: names(found.filter((entry) => entry.isDirectory() && isSessionName(entry.name))),
    segments: names(
      found.filter((entry) => entry.isFile() && segmentPosition(entry.name) !== undefined),
    ),
  };
}

/** How many bytes all segments of all sessions take, leaving out those of other users. */
export function* bytesOfSegments(root: string): Work<number> {
  let bytes = 0;
  for (const session of (yield* contentsOf(root)).sessions) {
    bytes += yield* bytesOfSession(join(root, session));
  }
  return bytes;
}

function* bytesOfSession(path: string): Work<number> {
  try {
    let bytes = yield* bytesOfSegments(path);
    for (const name of (yield* contentsOf(path)).segments) {
      bytes += (yield* ifThere(disk.stat(join(path, name))))?.size ?? 0;
    }
    return bytes;
  } catch (error) {
    if (codeOf(error) === "EACCES") return 0;
    throw error;
  }
}
