import { createAuditClient } from "../../src/client/client.ts";
import type { NewEntry } from "../../src/log/entry.ts";
import { encodeSequences, erasureAction } from "../../src/log/erasure.ts";
import { newEntry } from "../support/new-entry.ts";
import { type Aftermath, type Attack, variant } from "./attack.ts";
import { erased } from "./erasures.ts";
import { at, type Scenario, sizes } from "./scenario.ts";

/** What nobody can notice who looks alone. */

/** The log's checkpoint, by a server with this store. */
export async function checkpointOf(scenario: Scenario, store: string): Promise<string> {
  const { serve, team: teamId } = scenario;
  await using server = await serve(store);
  const token = await server.jwt({ role: "admin", teamId });
  using client = createAuditClient({ baseUrl: server.url, token });
  return (await client.proofs.getCheckpoint({ teamId })).checkpoint;
}

/** What somebody who has the key can show to those who have never seen the log. */
export async function secondHistory(scenario: Scenario): Promise<Aftermath & { store: string }> {
  const { superuser, makeStore, teamId } = scenario;
  await superuser.edit(at.entry, "actor_id = 'mallory'");
  await superuser.rehash(at.entry);
  await superuser.rebuildTree();
  const store = await makeStore();
  const remembered = await checkpointOf(scenario, store);
  await superuser.append(newEntry(teamId));
  return { remembered, store };
}

/** An entry as Annals itself records erasures. */
function forgedErasure({ teamId }: Scenario, sequence: bigint): NewEntry {
  return {
    ...newEntry(teamId, erasureAction),
    recorder: { type: "annals", id: "annals" },
    resource: { type: "audit_log" },
    status: "warning",
    details: { metadata: { sequences: encodeSequences([sequence]) } },
  };
}

export const limits: readonly Attack[] = [
  {
    name: "Entries that nobody has a checkpoint of are rewritten, with all hashes",
    sequence: at.unsigned,
    variants: [
      variant("edited", async (superuser) => {
        await superuser.edit(at.unsigned, "actor_id = 'mallory'");
        await superuser.rehash(at.unsigned);
        await superuser.rebuildTree();
      }),
      variant("one taken out", async (superuser) => {
        await superuser.remove(at.unsigned);
        await superuser.shift(at.unsigned, -1n);
        await superuser.rebuildTree();
      }),
    ],
  },
  {
    name: "Entries that nobody has a checkpoint of are deleted",
    sequence: at.unsigned,
    variants: [
      variant("all", async (superuser) => {
        await superuser.remove(sizes.signed + 1n, sizes.now);
        await superuser.rebuildTree();
      }),
    ],
  },
  {
    name: "With the signing key stolen, a second history is shown to who never saw the first",
    sequence: at.entry,
    variants: [{ how: "from an entry on", run: secondHistory }],
  },
  {
    name: "Entries that never happened are appended",
    sequence: sizes.now + 1n,
    variants: [
      variant("by hand", async (superuser) => {
        await superuser.forge(sizes.now + 1n, at.other);
        await superuser.rebuildTree();
      }),
    ],
  },
  {
    name: "Details are erased, and a forged entry says so",
    sequence: at.entry,
    variants: [
      variant("in the name of Annals", async (superuser, scenario) => {
        await superuser.edit(at.entry, erased);
        await superuser.append(forgedErasure(scenario, at.entry));
      }),
    ],
  },
];
