/** The audit context of HTTP requests, for Express and for plain `node:http` and `node:http2`. */
import type { EventEmitter } from "node:events";
import type { IncomingMessage } from "node:http";
import { type ContextState, currentState, newState, runIn } from "./context-state.ts";
import {
  compileRequestContext,
  type RequestContextOptions,
  type RequestFacts,
} from "./request-context.ts";

/** A request of `node:http`, or one made of it, as by Express; also of `node:http2`. */
export interface HttpRequest extends EventEmitter {
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>;
  readonly socket?: { readonly remoteAddress?: string | undefined } | null;
}

/** Runs `next` in the context of the request. */
export type AuditContextMiddleware<Request> = (
  request: Request,
  response: EventEmitter,
  next: () => void,
) => void;

/**
 * Makes the middleware. With Express: `app.use(auditContextMiddleware(options))`, before whatever records.
 * With `node:http`: `createServer((request, response) => audit(request, response, () => …))`.
 *
 * Everything `next` starts is in the context, and so are the listeners of the request's and response's
 * events (`data`, `end`, `finish`, `close`). Mounted again for the same request, it adds to the context.
 * It never throws and never answers the request.
 *
 * @throws TypeError at once for bad `trustedProxies`.
 */
export function auditContextMiddleware<Request extends HttpRequest = IncomingMessage>(
  options: RequestContextOptions<Request> = {},
): AuditContextMiddleware<Request> {
  const read = compileRequestContext(options);
  return (request, response, next) => {
    const around = stateOf(request);
    const context = read(request, () => httpFacts(request, around));
    const state = newState(context, around, request);
    bindEvents(request, state);
    bindEvents(response, state);
    runIn(state, next);
  };
}

/** What the headers and the socket of a request of `node:http` say. */
export function httpFacts(
  { headers, socket }: HttpRequest,
  around: ContextState | undefined,
): RequestFacts {
  return {
    header: (name) => {
      const value = headers[name];
      return typeof value === "string" ? value : value?.join(", ");
    },
    socketAddress: socket?.remoteAddress,
    around: around?.request,
  };
}

/**
 * The surrounding context, if it is this request's. Any other (the one that the server was started in,
 * or of a request before on the same connection) is none of its business.
 */
export function stateOf(origin: object): ContextState | undefined {
  const state = currentState();
  return state?.origin === origin ? state : undefined;
}

/**
 * Has the listeners of an emitter run in the context. Node calls them in the context of whatever emits:
 * for requests that is the connection, which is in none.
 */
export function bindEvents(emitter: EventEmitter, state: ContextState): void {
  const emit = emitter.emit;
  emitter.emit = (...event: Parameters<typeof emit>) =>
    currentState()?.origin === state.origin
      ? emit.apply(emitter, event)
      : runIn(state, () => emit.apply(emitter, event));
}
