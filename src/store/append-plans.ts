import type pg from "pg";
import type { Extension } from "../log/extend.ts";

/** A log of so many entries tells the planner's ways to an entry apart. */
const plannedFrom = 1_000n;

/** Sessions that have appended to such a log, and whether they have discarded their plans since. */
const discarded = new WeakMap<pg.PoolClient, boolean>();

/** Whether a session has plans that were made for small logs, and appends to a larger one by now. */
export function plansAreOld(session: pg.PoolClient): boolean {
  return discarded.get(session) === false;
}

/**
 * Plans are kept, and in a table of some 200 entries without statistics all indexes that begin with the
 * team promise the same: one made then may read a whole log for each id. So they are made again, once, before
 * anything else is asked of the session.
 */
export async function planAnew(session: pg.PoolClient): Promise<void> {
  if (!plansAreOld(session)) return;
  await session.query("DISCARD PLANS");
  discarded.set(session, true);
}

/** Notes to what logs a session has appended. */
export function notePlans(session: pg.PoolClient, ends: Extension["ends"]): void {
  if (discarded.has(session)) return;
  if (ends.values().some(({ frontier }) => frontier.size >= plannedFrom))
    discarded.set(session, false);
}
