import { constants, type IncomingHttpHeaders, type ServerHttp2Stream } from "node:http2";
import {
  Code,
  ConnectError,
  type ContextValues,
  createContextKey,
  createContextValues,
  type Interceptor,
} from "@connectrpc/connect";
import { CallEnd, type CallSignal } from "../call-signal.ts";
import { deadlineExceeded } from "../errors.ts";
import { type Authenticated, authenticatedKey, type CallContext } from "../rpc/principal.ts";
import type { DrainGuard } from "./drain-guard.ts";
import {
  answerTo,
  type Format,
  headerText,
  mayBecomeMessage,
  messageOf,
  send,
} from "./fast-format.ts";
import type { FastMethod } from "./fast-method.ts";
import { callKey, type Observation, type ObservedCall } from "./observe.ts";
import { requestIdHeader } from "./request-id.ts";
import type { BegunCalls } from "./rpc-handler.ts";

/** What a {@link FastCall} needs of the server. */
export interface FastCallOptions {
  readonly begin: Observation["begin"];
  /** Where calls are left for the router, which must have {@link replayed} among its interceptors. */
  readonly begun: BegunCalls;
  readonly guard: DrainGuard;
  /** Told of failures to answer, which should not happen. */
  readonly onError: (error: unknown) => void;
  /** Told of every call that the lane itself has answered. */
  readonly onAnswered: () => void;
  /** The most that a message may have, in bytes. */
  readonly messageBytes: number;
  /** How long a body and then an answer may take, in milliseconds. */
  readonly bodyMs: number;
  readonly deadlineMs: number;
}

/** How a call failed in the lane, for the router to tell. */
const failureKey = createContextKey<{ readonly error: unknown } | undefined>(undefined, {
  description: "failure in the fast lane",
});

/** Lets a call that failed in the lane fail in the router just so, without being made again. */
export const replayed: Interceptor = (next) => async (request) => {
  const failure = request.contextValues.get(failureKey);
  if (failure !== undefined) throw failure.error;
  return next(request);
};

/** What a call consists of before its body. */
export interface Start {
  readonly stream: ServerHttp2Stream;
  readonly headers: IncomingHttpHeaders;
  readonly method: FastMethod;
  readonly format: Format;
  readonly caller: Authenticated;
  readonly timeoutMs: number | undefined;
}

const none: Buffer = Buffer.alloc(0);

/**
 * The calls of streams, until these close. Node's own table of streams keeps what a closed one still
 * holds from the next small collections: with closures as listeners that was the whole call.
 */
const calls = new WeakMap<ServerHttp2Stream, FastCall>();

/** One call of an authenticated caller, from its headers to its answer or to the router. */
export class FastCall implements CallContext {
  readonly values: ContextValues;
  readonly #options: FastCallOptions;
  readonly #start: Start;
  readonly #next: () => void;
  readonly #observed: ObservedCall;
  readonly #ending = new CallEnd();
  /** Begins with what has come of the body, so many bytes. */
  #buffer = none;
  #size = 0;
  /** Whose turn it is; at `router` and `end` nothing that happens is the lane's any more. */
  #stage: "body" | "handler" | "router" | "end" = "body";
  /** Ends the wait for the body, then that for the handler. */
  #timer: NodeJS.Timeout;
  #clientTimer: NodeJS.Timeout | undefined;
  #failure: { readonly error: unknown } | undefined;

  constructor(options: FastCallOptions, start: Start, next: () => void) {
    const { stream, headers, method, format, caller, timeoutMs } = start;
    this.#options = options;
    this.#start = start;
    this.#next = next;
    const requestId = headerText(headers, requestIdHeader) ?? undefined;
    this.#observed = options.begin(method.desc, format.protocol, requestId);
    this.values = createContextValues().set(authenticatedKey, caller);
    if (timeoutMs !== undefined) {
      this.#clientTimer = setTimeout(() => this.#expire(timedOut()), timeoutMs);
    }
    this.#timer = setTimeout(cancel, options.bodyMs, stream);
    calls.set(stream, this);
    stream.on("data", onData).on("end", onEnd).on("close", onClose).on("error", ignore);
  }

  get signal(): CallSignal {
    return this.#ending;
  }

  /** More of the body has come. */
  data(chunk: Buffer): void {
    this.#keep(chunk);
    const { stream, format } = this.#start;
    if (mayBecomeMessage(format, this.#body(), this.#options.messageBytes)) return;
    stream.off("data", onData).off("end", onEnd).pause();
    stream.once("end", () => clearTimeout(this.#timer));
    stream.unshift(this.#body());
    this.#giveToRouter(stream.iterator({ destroyOnReturn: false }));
  }

  /** One piece is usually all. Others are copied: kept, each byte in a frame of its own would take 140. */
  #keep(chunk: Buffer): void {
    const size = this.#size + chunk.length;
    if (this.#size === 0) this.#buffer = chunk;
    else {
      if (size > this.#buffer.length) {
        const larger = Buffer.allocUnsafeSlow(2 * size);
        this.#buffer.copy(larger, 0, 0, this.#size);
        this.#buffer = larger;
      }
      this.#buffer.set(chunk, this.#size);
    }
    this.#size = size;
  }

  #body(): Buffer {
    return this.#buffer.subarray(0, this.#size);
  }

  /** The whole body has come. */
  end(): void {
    clearTimeout(this.#timer);
    const { method, format } = this.#start;
    const body = this.#body();
    let run: ReturnType<FastMethod["decode"]> | undefined;
    try {
      const message = messageOf(format, body);
      run = message && method.decode(message, format.json);
    } catch {
      // Whatever is wrong with it, the router finds it too, and says so.
    }
    if (run === undefined || this.#failure !== undefined) {
      this.#giveToRouter(once(body));
      return;
    }
    this.#stage = "handler";
    // It may be large and the handler slow.
    this.#buffer = none;
    const { deadlineMs } = this.#options;
    this.#timer = setTimeout(() => this.#expire(deadlineExceeded()), deadlineMs);
    run(this)
      .then(
        (message) => this.#answer(message),
        (error: unknown) => this.#fail(error),
      )
      .catch((error: unknown) => {
        this.#options.onError(error);
        this.#start.stream.close(constants.NGHTTP2_INTERNAL_ERROR);
      });
  }

  /** The client's time or ours is over. */
  #expire(error: Error): void {
    if (this.#stage === "body") {
      this.#observed.end(Code.DeadlineExceeded);
      this.#failure = { error };
      return;
    }
    this.#ending.abort(error);
    this.#fail(error);
  }

  #fail(error: unknown): void {
    if (this.#stage !== "handler") return;
    this.#failure = { error };
    // What the call was does not matter any more.
    this.#giveToRouter(once(this.#start.format.emptyBody));
  }

  /** Goes on in the router, whose answer is that of a call which never was here. */
  #giveToRouter(body: AsyncIterable<Uint8Array>): void {
    if (this.#stage !== "body") clearTimeout(this.#timer);
    clearTimeout(this.#clientTimer);
    this.#stage = "router";
    const contextValues = this.values.set(callKey, this.#observed).set(failureKey, this.#failure);
    this.#options.begun.set(this.#start.stream, { body, contextValues });
    this.#next();
  }

  async #answer(message: Uint8Array): Promise<void> {
    if (this.#stage !== "handler") return;
    this.#stage = "end";
    clearTimeout(this.#timer);
    clearTimeout(this.#clientTimer);
    this.#observed.end("ok");
    this.#options.onAnswered();
    const { stream, headers, format } = this.#start;
    const made = answerTo(headers, format, this.#observed.requestId, message);
    const answer = made instanceof Promise ? await made : made;
    if (stream.destroyed || stream.closed) return;
    this.#options.guard.watch(stream, cancel);
    send(stream, format, answer);
  }

  /** The stream has closed. */
  close(): void {
    const { stream } = this.#start;
    calls.delete(stream);
    this.#options.guard.release(stream);
    clearTimeout(this.#timer);
    clearTimeout(this.#clientTimer);
    if (this.#stage !== "body" && this.#stage !== "handler") return;
    this.#stage = "end";
    const gone = new ConnectError("the client has gone", Code.Canceled);
    this.#observed.end(gone.code);
    this.#ending.abort(gone);
  }
}

function onData(this: ServerHttp2Stream, chunk: Buffer): void {
  calls.get(this)?.data(chunk);
}

function onEnd(this: ServerHttp2Stream): void {
  calls.get(this)?.end();
}

function onClose(this: ServerHttp2Stream): void {
  calls.get(this)?.close();
}

/** What goes wrong on a stream is its own end, and 'close' follows. */
function ignore(): void {}

function cancel(stream: ServerHttp2Stream): void {
  stream.close(constants.NGHTTP2_CANCEL);
}

async function* once(body: Uint8Array): AsyncGenerator<Uint8Array> {
  yield body;
}

/** As the library says it. */
function timedOut(): ConnectError {
  return new ConnectError("the operation timed out", Code.DeadlineExceeded);
}
