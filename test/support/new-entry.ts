import { randomUUID, randomUUIDv7 } from "node:crypto";
import type { EntryId, TeamId } from "../../src/ids.ts";
import type { NewEntry } from "../../src/log/entry.ts";
import { encodedBytes } from "../../src/log/size.ts";

/** A team's id, new. */
export function newTeam(): TeamId {
  return randomUUID() as TeamId;
}

/** An entry to record, as the codec makes them; `action` tells entries apart. */
export function newEntry(teamId: TeamId, action = "create", id: string = randomUUIDv7()): NewEntry {
  const entry: Omit<NewEntry, "bytes"> = {
    id: id as EntryId,
    teamId,
    recorder: { type: "service", id: "tests" },
    actor: { type: "service", id: "tests" },
    action,
    scope: "team",
    status: "success",
    details: {},
  };
  return { ...entry, bytes: encodedBytes(entry) };
}
