/** The audit context of calls to a Connect server. */
import {
  type ContextKey,
  type ContextValues,
  createContextKey,
  createContextValues,
  type Interceptor,
  type StreamRequest,
  type UnaryRequest,
} from "@connectrpc/connect";
import { type ContextState, currentState, newState, runIn } from "./context-state.ts";
import { compileRequestContext, type RequestContextOptions } from "./request-context.ts";

/** A call, as interceptors see it. */
export type ConnectRequest = UnaryRequest | StreamRequest;

/** The address of whoever is connected, which interceptors do not see otherwise. */
export const socketAddressKey: ContextKey<string | undefined> = /* @__PURE__ */ createContextKey<
  string | undefined
>(undefined, { description: "address of the socket" });

/**
 * Notes the address of whoever is connected: `connectNodeAdapter({ contextValues: socketAddressValues, … })`,
 * and the same with the adapters for Express and Fastify. Without it (and without `auditContextMiddleware`
 * around the adapter) entries have no IP address.
 */
export function socketAddressValues(request: {
  readonly socket?: { readonly remoteAddress?: string | undefined } | null;
}): ContextValues {
  return createContextValues().set(socketAddressKey, request.socket?.remoteAddress);
}

/**
 * Makes the interceptor of a server: `connectNodeAdapter({ interceptors: [auditContextInterceptor(options)] })`.
 * Handlers of every kind run in the call's context, streams to their end. Around the adapter there may
 * be `auditContextMiddleware`: what that knows and this does not is kept.
 *
 * The callbacks may read what authentication leaves in `contextValues`, before or after this in the list.
 *
 * @throws TypeError at once for bad `trustedProxies`.
 */
export function auditContextInterceptor(
  options: RequestContextOptions<ConnectRequest> = {},
): Interceptor {
  const read = compileRequestContext(options);
  return (next) => (request) => {
    const outer = currentState();
    // A context that is no request's is the one in which the server was started, or the caller's own if it
    // is in the same process.
    const around = outer?.origin === undefined ? undefined : outer;
    const context = read(request, () => ({
      header: (name) => request.header.get(name) ?? undefined,
      socketAddress: request.contextValues.get(socketAddressKey),
      around: around?.request,
    }));
    const state = newState(context, around, around?.origin ?? request);
    return runIn(state, async () => {
      const response = await next(request);
      if (!response.stream) return response;
      return { ...response, message: iterateIn(state, response.message) };
    });
  };
}

/**
 * The same messages, each made in the context: a generator's body runs in the context of whoever asks
 * for its next value, and that is the server, after the interceptor has long answered.
 */
function iterateIn<Message>(
  state: ContextState,
  messages: AsyncIterable<Message>,
): AsyncIterable<Message> {
  return {
    [Symbol.asyncIterator]() {
      const iterator = runIn(state, () => messages[Symbol.asyncIterator]());
      const end = iterator.return?.bind(iterator);
      const fail = iterator.throw?.bind(iterator);
      return {
        next: () => runIn(state, () => iterator.next()),
        ...(end && { return: (value?: unknown) => runIn(state, () => end(value)) }),
        ...(fail && { throw: (error?: unknown) => runIn(state, () => fail(error)) }),
      };
    },
  };
}
