import { describe, expect, test } from "vitest";
import { openDirectoryStore } from "../../src/proof/directory-store.ts";
import { readDocumented } from "./documented.ts";
import { entryAttacks } from "./edits.ts";
import { erasureAttacks } from "./erasures.ts";
import { lookFrom, measure } from "./measure.ts";
import { at, sizes } from "./scenario.ts";
import { useScenario } from "./use-scenario.ts";

const { noticed } = await readDocumented();
const scenario = useScenario();

test("a log that nobody has attacked is fine to all who look, and all have looked", async () => {
  const findings = await lookFrom(scenario(), at.entry);
  const size = sizes.now;
  expect(findings.map(({ outcome }) => outcome)).toEqual(Array(5).fill("fine"));
  expect(findings.map(({ looked }) => looked)).toEqual([
    { size, inclusion: 10 },
    { size, inclusion: 10, consistency: 5 },
    { size, opened: 640, erased: 3, withheld: 0 },
    { size, opened: 584, erased: 2, withheld: 56 },
    {},
  ]);
  const held = await openDirectoryStore(scenario().store);
  const head = await held.get(scenario().teamId).finally(() => held.close());
  expect(head).toMatchObject({ size: sizes.signed, note: scenario().signed });
});

describe.each([...entryAttacks, ...erasureAttacks])("$name", (attack) => {
  test.each([...attack.variants])("is noticed as documented: $how", async (variant) => {
    expect(await measure(scenario(), attack, variant)).toEqual(noticed.get(attack.name));
  });
});
