/** Who acts, in which team and in which request: known where a request begins, and from there on. */
import type { NewActor, NewRequestContext, TeamIdText } from "../new-entry.ts";
import { currentState, type NewAuditContext, newState, runIn, setState } from "./context-state.ts";
import { warnOnce } from "./context-warning.ts";
import { surroundings } from "./surroundings.ts";

/** What an entry recorded here would be given. Plain values, fit to be handed on, as with a job. */
export interface AuditContext extends NewRequestContext {
  readonly actor?: NewActor | undefined;
  readonly teamId?: TeamIdText | undefined;
}

/**
 * Runs the function in a context, and answers what it answers. Entries that are recorded in it, or in
 * whatever it starts (promises, timers, streams), get what they do not have themselves from the
 * context. What this context does not set is as in the surrounding one.
 *
 * Throws only what the function throws.
 */
export function withAuditContext<Result>(context: NewAuditContext, fn: () => Result): Result {
  return runIn(newState(context, currentState()), fn);
}

/**
 * Runs the function outside any context: for what a request happens to start but does not own, such as a
 * pool, a cache or a worker that others share.
 */
export function withoutAuditContext<Result>(fn: () => Result): Result {
  return runIn(undefined, fn);
}

/**
 * Sets what is given in the surrounding context, for all that is recorded in it from now on: the actor,
 * once authentication knows it. A function takes the place of what was there, also while it knows nobody.
 * Contexts around this one and contexts opened within it before are left alone.
 *
 * Answers whether there is a context; without one it does nothing and, the first time, warns.
 */
export function setAuditContext(context: NewAuditContext): boolean {
  const state = currentState();
  if (state === undefined) {
    warnOnce("ANNALS_CONTEXT_MISSING", "setAuditContext was called outside any audit context");
    return false;
  }
  setState(state, context);
  return true;
}

/** What an entry recorded now would be given; undefined if that is nothing. */
export function currentAuditContext(): AuditContext | undefined {
  const { actor, teamId, context } = surroundings();
  if (actor === undefined && teamId === undefined && context === undefined) return undefined;
  return { actor, teamId, ...context };
}
