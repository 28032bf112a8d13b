/**
 * A process that replaces a team's head in a directory store as fast as it can, and writes a line
 * for each one that it was answered for: `node store-writer.ts DIRECTORY TEAM KEY`.
 */
import { writeSync } from "node:fs";
import type { TeamId } from "../../src/ids.ts";
import { parseSigningKey } from "../../src/log/signing-key.ts";
import { openDirectoryStore } from "../../src/proof/directory-store.ts";
import { headOf } from "./signed-heads.ts";

const [directory = "", team = "", keyText = ""] = process.argv.slice(2);
const teamId = team as TeamId;
const key = parseSigningKey(keyText);
const store = await openDirectoryStore(directory);
let present = await store.get(teamId);
for (;;) {
  // Each process signs another root, so that only one of those that race for a size can have it.
  const next = headOf(key, teamId, (present?.size ?? 0n) + 1n, String(process.pid));
  present = await store.replace(present, next);
  if (present?.note === next.note) writeSync(1, `${next.size}\n`);
}
