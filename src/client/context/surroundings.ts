/** What the surrounding context has for an entry that is recorded in it. */
import type { NewActor, NewRequestContext, TeamIdText } from "../new-entry.ts";
import { activeTraceId } from "./active-trace.ts";
import { type ContextState, currentState, runIn } from "./context-state.ts";
import { warnOnce } from "./context-warning.ts";

/** Read what the entry leaves out, and no more: reading is what asks the program's functions. */
export interface Surroundings {
  readonly actor: NewActor | undefined;
  readonly teamId: TeamIdText | undefined;
  /** The request, whose values fit; with the trace id of OpenTelemetry's active span if it has none. */
  readonly context: NewRequestContext | undefined;
}

/** The surroundings of whoever calls. Never throws, nor does reading what it answers. */
export function surroundings(): Surroundings {
  const state = currentState();
  return state === undefined ? nowhere : new Surrounded(state);
}

class Surrounded implements Surroundings {
  readonly #state: ContextState;

  constructor(state: ContextState) {
    this.#state = state;
  }

  get actor(): NewActor | undefined {
    return ask(this.#state, "actor", "object") as NewActor | undefined;
  }

  get teamId(): TeamIdText | undefined {
    return ask(this.#state, "teamId", "string") as TeamIdText | undefined;
  }

  get context(): NewRequestContext | undefined {
    return withTrace(this.#state.request);
  }
}

const nowhere: Surroundings = {
  actor: undefined,
  teamId: undefined,
  get context() {
    return withTrace(undefined);
  },
};

function withTrace(request: NewRequestContext | undefined): NewRequestContext | undefined {
  if (request?.traceId !== undefined) return request;
  const traceId = activeTraceId();
  return traceId === undefined ? request : { ...request, traceId };
}

/** The value, asked for if need be; undefined if it is not of the type. */
function ask(state: ContextState, name: "actor" | "teamId", type: "object" | "string"): unknown {
  const value = state[name];
  try {
    // An entry that is recorded by the function itself, or by what it starts, does not ask it again.
    const answer: unknown =
      typeof value === "function" ? runIn<unknown>({ ...state, [name]: undefined }, value) : value;
    if (answer === undefined || answer === null) return undefined;
    const isPromise = isThenable(answer);
    if (typeof answer === type && !isPromise) return answer;
    warnOnce(
      "ANNALS_CONTEXT_TYPE",
      `an audit context's ${name} is not of its type, and is left out`,
    );
    // A promise that is rejected would end the process if nobody listened.
    if (isPromise) Promise.resolve(answer).catch(() => undefined);
  } catch (error) {
    warnOnce("ANNALS_CONTEXT_CALLBACK", `an audit context's ${name} threw, and is left out`, error);
  }
  return undefined;
}

/** Whether it is a promise, of whatever kind. */
function isThenable(value: unknown): value is PromiseLike<unknown> {
  return (value as { readonly then?: unknown }).then !== undefined;
}
