/**
 * What must hold when a statement runs for it to write anything, in SQL without columns. Statements under a
 * condition have names of their own, which end with its name.
 */
export interface Condition {
  readonly name: string;
  readonly sql: string;
}

export const always: Condition = { name: "", sql: "true" };
