import { expect } from "vitest";
import { createAuditClient } from "../../src/client/client.ts";
import type { TestServer } from "../support/server.ts";
import type { Aftermath, Attack, Variant } from "./attack.ts";
import { type Finding, lookAll, outcomeOf } from "./detectors.ts";
import { type Scenario, untouched } from "./scenario.ts";

/** Attacks the log as it was built, and lets everybody look. */
export async function measure(
  scenario: Scenario,
  attack: Attack,
  variant: Variant,
): Promise<readonly string[]> {
  const { superuser } = scenario;
  await superuser.restore(untouched);
  const aftermath = await variant.run(scenario);
  expect(await superuser.differs(untouched), "the attack has changed something").toBe(true);
  const findings = await lookFrom(scenario, attack.sequence, aftermath);
  return findings.map(({ outcome }) => outcome);
}

/**
 * What everybody finds: those who look, and last the checkpoint store. Where the server refuses the
 * log because of its store, the others look at one whose store was lost, so that it is known what
 * they would find by themselves.
 */
export async function lookFrom(
  scenario: Scenario,
  sequence: bigint,
  { remembered, store, databaseUrl }: Aftermath = {},
): Promise<readonly Finding[]> {
  const { team, verifierKey, serve, makeStore } = scenario;
  const lookAt = (server: TestServer) =>
    lookAll({ server, team, verifierKey, sequence, remembered: remembered ?? scenario.signed });
  await using server = await serve(await makeStore(store ?? scenario.store), databaseUrl);
  const outcome = await outcomeOfStart(server, team);
  const finding = { outcome, looked: {} };
  if (outcome === "fine") return [...(await lookAt(server)), finding];
  await using without = await serve(await makeStore(), databaseUrl);
  return [...(await lookAt(without)), finding];
}

/** Whether a server that was just started is ready, and signs. */
async function outcomeOfStart(server: TestServer, teamId: string): Promise<string> {
  const token = await server.jwt({ role: "admin", teamId });
  using client = createAuditClient({ baseUrl: server.url, token });
  const { status } = await fetch(`${server.url}/readyz`);
  const outcome = await outcomeOf(client.proofs.getCheckpoint({ teamId }));
  expect(status, "readiness").toBe(outcome === "refused" ? 503 : 200);
  return outcome;
}
