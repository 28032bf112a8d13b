import type { DescMethod } from "@bufbuild/protobuf";
import {
  Code,
  ConnectError,
  createContextKey,
  type HandlerContext,
  type Interceptor,
} from "@connectrpc/connect";
import { codeToString } from "@connectrpc/connect/protocol-connect";
import type { Logger } from "pino";
import type { Counter, Gauge, Histogram } from "prom-client";
import { explainProtocolError } from "../errors.ts";
import { requestIdHeader, requestIdOf } from "./request-id.ts";

/** The id of the call, the caller's or ours: printable ASCII, 1 to 256 bytes. */
export const requestIdKey = createContextKey("", { description: "request id" });

/** A call whose observation began before the router had it. */
export const callKey = createContextKey<ObservedCall | undefined>(undefined, {
  description: "observed call",
});

/** What {@link observe} needs. */
export interface ObserveOptions {
  logger: Logger;
  metrics: {
    calls: Counter<"method" | "code">;
    callSeconds: Histogram<"method">;
    openStreams: Gauge;
  };
  /** Turns whatever was thrown into what the caller is sent; logs what it does not know. */
  rewrite: (error: unknown, requestId: string) => ConnectError;
  /** A monotonic clock, in milliseconds. */
  now?: () => number;
}

/** One call under observation. */
export interface ObservedCall {
  readonly requestId: string;
  readonly streams: boolean;
  /** Whether it came as far as the interceptors. */
  handled: boolean;
  /** Counts, times and logs its end. Only the first end counts. */
  end(code: Code | "ok"): void;
}

/** The two places where a router sees a call, which needs both, and one for what goes before it. */
export interface Observation {
  /**
   * Begins a call outside the router; `requestId` is what its caller has sent. If the router takes
   * it over, the call is to be in the context values, under `callKey`.
   */
  begin: (method: DescMethod, protocol: string, requestId: string | undefined) => ObservedCall;
  /**
   * Begins the call, before its body is read, and so before it can be refused as too large or
   * malformed, which no interceptor sees. Goes before whatever else a request gate does.
   */
  requestGate: (context: HandlerContext) => void;
  /** Ends the call with the outcome of the handler. The first of the interceptors. */
  interceptor: Interceptor;
}

/**
 * Gives every call a request id, which its answer carries in `x-request-id`; counts, times and logs
 * its end exactly once; and passes every failure of interceptors and handlers, also one in the
 * middle of a stream, through `rewrite`. Messages, headers and error texts are not logged.
 */
export function observe(options: ObserveOptions): Observation {
  const begin: Observation["begin"] = (method, protocol, requestId) =>
    new Call(options, method, protocol, requestIdOf(requestId));
  return {
    begin,

    requestGate: (context) => {
      const given = context.requestHeader.get(requestIdHeader) ?? undefined;
      const call =
        context.values.get(callKey) ?? begin(context.method, context.protocolName, given);
      context.values.set(requestIdKey, call.requestId);
      context.responseHeader.set(requestIdHeader, call.requestId);
      context.values.set(callKey, call);
      // A context is aborted at its end in any case, with the error if there was one, and before
      // that is sent. A stream's generator may be parked when its client leaves: the signal tells
      // at once.
      context.signal.addEventListener("abort", () => {
        const { reason } = context.signal;
        if (reason instanceof ConnectError) explainProtocolError(reason);
        if (call.streams || !call.handled) call.end(endingCode(reason));
      });
    },

    interceptor: (next) => async (request) => {
      const call = request.contextValues.get(callKey);
      if (call === undefined) throw new Error("observe: the request gate is not in place");
      call.handled = true;
      const fail = (error: unknown): ConnectError => {
        const rewritten = options.rewrite(error, call.requestId);
        call.end(rewritten.code);
        return rewritten;
      };
      try {
        const response = await next(
          request.stream ? { ...request, message: received(request.message) } : request,
        );
        if (response.stream) {
          return { ...response, message: observeMessages(response.message, call, fail) };
        }
        call.end("ok");
        return response;
      } catch (error) {
        throw fail(error);
      }
    },
  };
}

class Call implements ObservedCall {
  readonly requestId: string;
  readonly streams: boolean;
  handled = false;
  readonly #options: ObserveOptions;
  readonly #method: DescMethod;
  readonly #protocol: string;
  readonly #start: number;
  #ended = false;

  constructor(options: ObserveOptions, method: DescMethod, protocol: string, requestId: string) {
    this.requestId = requestId;
    this.streams = method.methodKind !== "unary";
    this.#options = options;
    this.#method = method;
    this.#protocol = protocol;
    this.#start = this.#now();
    if (this.streams) options.metrics.openStreams.inc();
  }

  end(code: Code | "ok"): void {
    if (this.#ended) return;
    this.#ended = true;
    const { logger, metrics } = this.#options;
    const durationMs = this.#now() - this.#start;
    const codeName = code === "ok" ? code : codeToString(code);
    const method = `${this.#method.parent.typeName}/${this.#method.name}`;
    if (this.streams) metrics.openStreams.dec();
    metrics.calls.inc({ method, code: codeName });
    metrics.callSeconds.observe({ method }, durationMs / 1000);
    const level = levelOf(code, this.streams);
    if (!logger.isLevelEnabled(level)) return;
    logger[level](
      {
        method,
        protocol: this.#protocol,
        code: codeName,
        durationMs: Math.round(durationMs * 10) / 10,
        requestId: this.requestId,
      },
      this.streams ? "stream ended" : "call ended",
    );
  }

  #now(): number {
    return this.#options.now?.() ?? performance.now();
  }
}

/** What keeps a request's messages from coming is their client's end, and no fault of ours. */
async function* received<T>(messages: AsyncIterable<T>): AsyncGenerator<T> {
  try {
    yield* messages;
  } catch (error) {
    throw ConnectError.from(error, Code.Canceled);
  }
}

async function* observeMessages<T>(
  messages: AsyncIterable<T>,
  call: ObservedCall,
  fail: (error: unknown) => ConnectError,
): AsyncGenerator<T> {
  const iterator = messages[Symbol.asyncIterator]();
  let exhausted = false;
  const advance = async (): Promise<IteratorResult<T>> => {
    try {
      const result = await iterator.next();
      exhausted = result.done === true;
      return result;
    } catch (error) {
      exhausted = true;
      throw fail(error);
    }
  };
  try {
    for (let result = await advance(); !result.done; result = await advance()) yield result.value;
    call.end("ok");
  } catch (error) {
    // A failure to encode or to write, or one of ours, which has ended the call already.
    call.end(endingCode(error));
    throw error;
  } finally {
    call.end(Code.Canceled);
    if (!exhausted) await iterator.return?.();
  }
}

/** What else than a ConnectError ends a call from outside is its connection's end. */
function endingCode(reason: unknown): Code {
  return ConnectError.from(reason, Code.Canceled).code;
}

function levelOf(code: Code | "ok", streams: boolean): "debug" | "info" | "error" {
  switch (code) {
    case Code.Internal:
    case Code.Unknown:
    case Code.DataLoss:
      return "error";
    case "ok":
      return streams ? "info" : "debug";
    default:
      return "info";
  }
}
