import { expect, test } from "vitest";
import { entryColumns } from "../../src/store/rows.ts";
import { type Documented, isNoticed, readDocumented } from "./documented.ts";
import { entryAttacks } from "./edits.ts";
import { erasureAttacks } from "./erasures.ts";
import { forkAttacks } from "./forks.ts";
import { limits } from "./limits.ts";
import { rewriteAttacks } from "./rewrites.ts";
import { treeAttacks } from "./trees.ts";

const { noticed, unnoticed }: Documented = await readDocumented();
const attacks = [
  ...entryAttacks,
  ...erasureAttacks,
  ...rewriteAttacks,
  ...treeAttacks,
  ...forkAttacks,
];

test("docs/guarantees.md has the attacks that are tried, in their order, and no others", () => {
  expect([...noticed.keys()]).toEqual(attacks.map(({ name }) => name));
  expect([...unnoticed.keys()]).toEqual(limits.map(({ name }) => name));
});

test("every attack is noticed by somebody, but for those listed as noticed by nobody", () => {
  for (const [name, outcomes] of noticed) expect(isNoticed(outcomes), name).toBe(true);
  for (const [name, outcomes] of unnoticed) expect(isNoticed(outcomes), name).toBe(false);
});

test("every column of an entry is edited by some attack", () => {
  const edited = entryAttacks.flatMap(({ variants }) =>
    variants.flatMap(({ how }) => Array.from(how.matchAll(/(\w+) = /g), ([, column]) => column)),
  );
  const columns = entryColumns.split(", ");
  // An entry that goes to another place, and so leaves a hole.
  const moved = ["team_id", "sequence"];
  expect(columns).toEqual(expect.arrayContaining(moved));
  expect(new Set([...edited, ...moved])).toEqual(new Set(columns));
});
