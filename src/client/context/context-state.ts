/** What is kept for a request while it is worked on, and how code finds it. */
import { AsyncLocalStorage } from "node:async_hooks";
import { entryLimits } from "../../limits.ts";
import type { NewActor, NewRequestContext, TeamIdText } from "../new-entry.ts";
import { plainAddress } from "./address.ts";
import { fittingText } from "./context-text.ts";
import { warnOnce } from "./context-warning.ts";

/** A value, or how to find it when an entry is recorded. */
export type Lazy<Value> = Value | (() => Value | undefined);

/**
 * What entries recorded in a context are given, unless they have it themselves.
 *
 * `actor` and `teamId` may be functions. They are asked for each entry, so that they may answer what is
 * known only later (authentication runs after the context has been opened), and must be quick.
 */
export interface NewAuditContext {
  /** Who acts. */
  readonly actor?: Lazy<NewActor> | undefined;
  /** In which team's log. Example: `team-5b1f3a52-5c0e-4f0e-8f8b-3d2a6f9e7c11` */
  readonly teamId?: Lazy<TeamIdText> | undefined;
  /** Cut to 256 bytes. */
  readonly requestId?: string | undefined;
  /** Cut to 256 bytes. Without it, that of OpenTelemetry's active span, if there is one. */
  readonly traceId?: string | undefined;
  /** IPv4 or IPv6; left out if it is neither. A port, brackets and a zone are taken off. */
  readonly ipAddress?: string | undefined;
  /** Cut to 1 KiB. */
  readonly userAgent?: string | undefined;
}

/** The same, flat: what an outer context has set and the inner has not is in the inner too. */
export interface ContextState {
  actor: Lazy<NewActor> | undefined;
  teamId: Lazy<TeamIdText> | undefined;
  request: NewRequestContext | undefined;
  /** The HTTP request whose context this is, or is within. */
  readonly origin: object | undefined;
}

/**
 * Copies of this package in one process share the storage: else the actor set with one copy would be
 * missing, without a word, from entries recorded with another. The number is that of ContextState's shape.
 */
const storageKey = Symbol.for("@annals/client audit context 1");

let storage: AsyncLocalStorage<ContextState | undefined> | undefined;

function contextStorage(): AsyncLocalStorage<ContextState | undefined> {
  const shared = globalThis as { [storageKey]?: AsyncLocalStorage<ContextState | undefined> };
  shared[storageKey] ??= new AsyncLocalStorage();
  return shared[storageKey];
}

/** The state of the surrounding context, if there is one. */
export function currentState(): ContextState | undefined {
  storage ??= contextStorage();
  return storage.getStore();
}

/** Runs the function in a context, or outside any. */
export function runIn<Result>(state: ContextState | undefined, fn: () => Result): Result {
  storage ??= contextStorage();
  return storage.run(state, fn);
}

/** A context within `outer`, or within none. Never throws: what cannot be read is left out. */
export function newState(
  context: NewAuditContext,
  outer: ContextState | undefined,
  origin: object | undefined = outer?.origin,
): ContextState {
  const state: ContextState = { actor: undefined, teamId: undefined, request: undefined, origin };
  setState(state, context);
  state.actor = either(state.actor, outer?.actor);
  state.teamId = either(state.teamId, outer?.teamId);
  state.request = mergeRequest(state.request, outer?.request);
  return state;
}

/** Sets what is given and leaves the rest as it is. Never throws. */
export function setState(state: ContextState, context: NewAuditContext): void {
  try {
    state.actor = context.actor ?? state.actor;
    state.teamId = context.teamId ?? state.teamId;
    state.request = mergeRequest(fittingRequest(context), state.request);
  } catch (error) {
    warnOnce("ANNALS_CONTEXT", "an audit context could not be read, and is left out", error);
  }
}

/** The inner value; a function that knows none leaves it to the outer one. */
function either<Value extends NewActor | TeamIdText>(
  inner: Lazy<Value> | undefined,
  outer: Lazy<Value> | undefined,
): Lazy<Value> | undefined {
  if (typeof inner !== "function" || outer === undefined) return inner ?? outer;
  return () => inner() ?? (typeof outer === "function" ? outer() : outer);
}

function fittingRequest(context: NewAuditContext): NewRequestContext | undefined {
  const { requestId, traceId, ipAddress, userAgent } = context;
  const address = plainAddress(ipAddress);
  if (ipAddress && !address) {
    warnOnce("ANNALS_CONTEXT_ADDRESS", "an audit context's address is none");
  }
  const fitting = {
    ipAddress: address,
    userAgent: fittingText(userAgent, entryLimits.userAgentBytes),
    requestId: fittingText(requestId, entryLimits.textBytes),
    traceId: fittingText(traceId, entryLimits.textBytes),
  };
  return Object.values(fitting).some((value) => value !== undefined) ? fitting : undefined;
}

/** Each field of the first that it has, else of the second. */
function mergeRequest(
  first: NewRequestContext | undefined,
  second: NewRequestContext | undefined,
): NewRequestContext | undefined {
  if (first === undefined || second === undefined) return first ?? second;
  return {
    ipAddress: first.ipAddress ?? second.ipAddress,
    userAgent: first.userAgent ?? second.userAgent,
    requestId: first.requestId ?? second.requestId,
    traceId: first.traceId ?? second.traceId,
  };
}
