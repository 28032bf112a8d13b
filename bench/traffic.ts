import { randomUUIDv7 } from "node:crypto";
import { seededRandom } from "../src/cli/demo-random.ts";
import { nextEntry } from "../src/cli/demo-traffic.ts";
import { createWorld } from "../src/cli/demo-world.ts";
import type { TeamIdText } from "../src/client/new-entry.ts";
import { newEntryMessage } from "../src/client/new-entry-message.ts";
import { createPrefixRegistry, type EntryId, formatTeamId, type TeamId } from "../src/ids.ts";
import type { NewEntry } from "../src/log/entry.ts";
import { decodeEntry } from "../src/rpc/codec.ts";

const seed = 1843;
/** Different entries before they come again with new ids and times. */
const variety = 5_000;

const context = {
  principal: { kind: "service", id: "bench", grants: ["read_admin", "record_any_actor"] },
  prefixes: createPrefixRegistry(),
  makeId: () => randomUUIDv7() as EntryId,
} as const;

/** Makes the next entries to record in a team. */
export type Traffic = (count: number) => NewEntry[];

/**
 * The demo's traffic as one team's, decoded by the codec as the server does: people, programs and
 * sandboxes with names, metadata and request contexts. The same at every run but for ids and times.
 */
export function traffic(teamId: TeamId): Traffic {
  const random = seededRandom(seed);
  const id = formatTeamId(teamId) as TeamIdText;
  const world = createWorld(random, id);
  const shapes = Array.from({ length: variety }, () => {
    const entry = { ...nextEntry(world, random), teamId: id };
    return decodeEntry(newEntryMessage(entry), "entry", context);
  });
  let next = 0;
  return (count) =>
    Array.from({ length: count }, () => {
      const shape = shapes[next++ % variety] as NewEntry;
      return { ...shape, id: context.makeId(), occurTime: Date.now() };
    });
}
