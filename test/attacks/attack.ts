import type { Scenario } from "./scenario.ts";
import type { Superuser } from "./superuser.ts";

/** What those who look start from after an attack, where it is not what is usual. */
export interface Aftermath {
  /** The checkpoint that the reader with a memory remembers. */
  readonly remembered?: string;
  /** The checkpoint store. */
  readonly store?: string;
  /** The database. */
  readonly databaseUrl?: string;
}

/** One way of carrying an attack out. */
export interface Variant {
  /** What is particular about it. */
  readonly how: string;
  /** Carries it out. */
  run(scenario: Scenario): Promise<Aftermath>;
}

/** A row of a table in docs/guarantees.md. All its variants have the same outcome. */
export interface Attack {
  /** As the table has it. */
  readonly name: string;
  /** The position that readers look at. */
  readonly sequence: bigint;
  readonly variants: readonly Variant[];
}

/** A variant that changes the log in the database, and nothing else. */
export function variant(
  how: string,
  act: (superuser: Superuser, scenario: Scenario) => Promise<unknown>,
): Variant {
  return {
    how,
    async run(scenario) {
      await act(scenario.superuser, scenario);
      return {};
    },
  };
}
