import { describe, expect, test } from "vitest";
import { createAuditClient } from "../../src/client/client.ts";
import { outcomeOf } from "./detectors.ts";
import { readDocumented } from "./documented.ts";
import { forkAttacks } from "./forks.ts";
import { measure } from "./measure.ts";
import { rewriteAttacks } from "./rewrites.ts";
import { untouched } from "./scenario.ts";
import { treeAttacks } from "./trees.ts";
import { useScenario } from "./use-scenario.ts";

const { noticed } = await readDocumented();
const scenario = useScenario();

describe.each([...rewriteAttacks, ...treeAttacks, ...forkAttacks])("$name", (attack) => {
  test.each([...attack.variants])("is noticed as documented: $how", async (variant) => {
    expect(await measure(scenario(), attack, variant)).toEqual(noticed.get(attack.name));
  });
});

const refused = [...rewriteAttacks, ...treeAttacks].filter(
  ({ name }) => noticed.get(name)?.at(-1) === "refused",
);

test.each(refused)("a running server refuses the log, and is not ready: $name", async (attack) => {
  const { superuser, serve, makeStore, store, team: teamId } = scenario();
  await superuser.restore(untouched);
  await using server = await serve(await makeStore(store));
  const token = await server.jwt({ role: "platform_admin" });
  using client = createAuditClient({ baseUrl: server.url, token });
  const record = () => client.audit.record({ entry: { teamId, action: "create" } });
  const status = async () => (await fetch(`${server.url}/readyz`)).status;
  expect([await outcomeOf(record()), await status()]).toEqual(["fine", 200]);
  await attack.variants[0]?.run(scenario());
  expect(await outcomeOf(client.proofs.getCheckpoint({ teamId }))).toBe("refused");
  expect([await outcomeOf(record()), await status()]).toEqual(["refused", 503]);
});
