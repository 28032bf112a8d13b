import { randomUUID } from "node:crypto";
import type { NewEntry, TeamIdText } from "../../src/client/new-entry.ts";

/** Different entries before they come again. */
const variety = 1_000;

/**
 * Makes entries as a sandbox platform's requests do, of one team: an actor with a name, a resource, a
 * little metadata and the request's context. Ids and times are left to whoever records them.
 */
export function entryMaker(teamId: string = newTeamId()): () => NewEntry {
  const shapes = Array.from({ length: variety }, (_, i) => shape(teamId as TeamIdText, i));
  let next = 0;
  // A new object each time, as a caller makes one.
  return () => ({ ...(shapes[next++ % variety] as NewEntry) });
}

/** `team-{uuid}`, new. */
export function newTeamId(): TeamIdText {
  return `team-${randomUUID()}`;
}

function shape(teamId: TeamIdText, i: number): NewEntry {
  const base = {
    teamId,
    actor: { type: "user", id: `usr-${randomUUID()}`, name: `Person ${i}` },
    context: {
      ipAddress: `203.0.113.${i % 256}`,
      userAgent: "Mozilla/5.0 (X11; Linux x86_64; rv:143.0) Gecko/20100101 Firefox/143.0",
      requestId: randomUUID(),
      traceId: randomUUID().replaceAll("-", ""),
    },
  } as const;
  const sandbox = { type: "sandbox", id: `sb-${randomUUID()}`, name: `build-${i}` };
  switch (i % 4) {
    case 0:
      return {
        ...base,
        action: "create",
        resource: sandbox,
        metadata: { template: "node-26", vcpus: 4, memory_mb: 2_048 },
      };
    case 1:
      return { ...base, action: "pause", resource: sandbox };
    case 2:
      return { ...base, action: "destroy", status: "warning", resource: sandbox };
    default:
      return {
        ...base,
        action: "role_update",
        scope: "admin",
        resource: { type: "user", id: `usr-${randomUUID()}` },
        metadata: { new_role: "admin", old_role: "member" },
      };
  }
}
