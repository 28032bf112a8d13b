import { describe, expect, test } from "vitest";
import { volatileMemory } from "../../src/client/checkpoint-memory.ts";
import { createAuditClient } from "../../src/client/client.ts";
import { VerificationError } from "../../src/client/verify/fault.ts";
import { Verifier } from "../../src/client/verify/verifier.ts";
import { readDocumented } from "./documented.ts";
import { limits, secondHistory } from "./limits.ts";
import { measure } from "./measure.ts";
import { untouched } from "./scenario.ts";
import { useScenario } from "./use-scenario.ts";

const { unnoticed } = await readDocumented();
const scenario = useScenario();

describe.each([...limits])("$name", (attack) => {
  test.each([...attack.variants])("is noticed by nobody, as documented: $how", async (variant) => {
    expect(await measure(scenario(), attack, variant)).toEqual(unnoticed.get(attack.name));
  });
});

test("two histories under one key are found out by comparing checkpoints, and both notes are evidence", async () => {
  const { superuser, serve, verifierKey, team: teamId, signed } = scenario();
  await superuser.restore(untouched);
  const { store } = await secondHistory(scenario());
  await using server = await serve(store);
  const token = await server.jwt({ role: "admin", teamId });
  using client = createAuditClient({ baseUrl: server.url, token });
  const { checkpoint } = await client.proofs.getCheckpoint({ teamId });

  const memory = volatileMemory();
  const verifier = new Verifier({ keys: [verifierKey], memory });
  const genuine = await verifier.verifyCheckpoint(signed, teamId);
  await memory.replace(genuine.origin, undefined, signed);
  const second = await verifier.verifyCheckpoint(checkpoint, teamId);
  const comparing = verifier.remember(second, async (fromSize, toSize) => {
    return (await client.proofs.getConsistencyProof({ teamId, fromSize, toSize })).hashes;
  });
  const error = await comparing.catch((reason: unknown) => reason);
  expect(error).toBeInstanceOf(VerificationError);
  expect(error).toMatchObject({
    fault: "inconsistent",
    evidence: { first: signed, second: checkpoint },
  });
});
