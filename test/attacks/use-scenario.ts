import { afterAll, beforeAll } from "vitest";
import { buildScenario, type Scenario } from "./scenario.ts";

/** Builds a log for the tests of a file, and gives it to them. */
export function useScenario(): () => Scenario {
  let scenario: Scenario | undefined;
  beforeAll(async () => {
    scenario = await buildScenario();
  });
  afterAll(() => scenario?.[Symbol.asyncDispose]());
  return () => {
    if (scenario === undefined) throw new Error("the log is not built yet");
    return scenario;
  };
}
