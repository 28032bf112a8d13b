import { newEntry } from "../support/new-entry.ts";
import type { Aftermath, Attack } from "./attack.ts";
import { checkpointOf } from "./limits.ts";
import { at, type Scenario, untouched } from "./scenario.ts";
import { Superuser } from "./superuser.ts";

/**
 * Two databases with the same logs, and servers with the same key, go different ways. Who looks saw
 * the one, and now sees the other.
 */
async function fork(scenario: Scenario): Promise<Aftermath & { store: string }> {
  const { superuser, twinUrl: databaseUrl, teamId, makeStore } = scenario;
  const several = (count: number) => Array.from({ length: count }, () => newEntry(teamId));
  await using other = await Superuser.connect(databaseUrl, teamId);
  await other.restore(untouched);
  await superuser.append(...several(20));
  await other.append(...several(30));
  const store = await makeStore(scenario.store);
  const remembered = await checkpointOf(scenario, store);
  return { remembered, store, databaseUrl };
}

export const forkAttacks: readonly Attack[] = [
  {
    name: "A copy of the database goes its own way, with the same key and checkpoint store",
    sequence: at.entry,
    variants: [{ how: "after both have grown", run: fork }],
  },
  {
    name: "A copy of the database goes its own way, with the same key and a store of its own",
    sequence: at.entry,
    variants: [
      {
        how: "after both have grown",
        run: async (scenario) => ({ ...(await fork(scenario)), store: scenario.store }),
      },
    ],
  },
];
