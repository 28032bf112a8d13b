import { constants, type Http2Stream } from "node:http2";
import { setImmediate } from "node:timers/promises";
import {
  type ConnectRouter,
  type ConnectRouterOptions,
  type ContextValues,
  createConnectRouter,
  createContextValues,
} from "@connectrpc/connect";
import {
  compressionGzip,
  universalRequestFromNodeRequest,
  universalResponseToNodeResponse,
} from "@connectrpc/connect-node";
import { responseKey } from "../rpc/stream-body.ts";
import type { HttpHandler, HttpRequest } from "./http-handler.ts";

/** What {@link rpcHandler} needs. */
export interface RpcHandlerOptions
  extends Omit<ConnectRouterOptions, "acceptCompression" | "jsonOptions" | "binaryOptions"> {
  routes: (router: ConnectRouter) => void;
  /** Answers requests to paths that are no RPC's. */
  fallback: HttpHandler;
  /** How long the body of an HTTP/2 request may take, in milliseconds. HTTP/1 is timed by Node. */
  bodyMs: number;
  /** Calls that come with what was read of them. */
  begun: BegunCalls;
  /** Whether a stream may write its messages straight to the response after the first. */
  directStreams?: boolean;
  /** Told of failures to answer that are not the client's going. They should not happen. */
  onError: (error: unknown) => void;
}

/** HTTP/2 calls that were begun elsewhere and are handed over, by their streams. */
export type BegunCalls = WeakMap<Http2Stream, BegunCall>;

/** A call as far as it was taken elsewhere. */
export interface BegunCall {
  /**
   * All of its body, read or not, with whose lateness whoever began the call deals; an empty message if
   * the call has failed already.
   */
  readonly body: AsyncIterable<Uint8Array>;
  readonly contextValues: ContextValues;
}

/**
 * An unknown word or field in JSON is refused, and so is what is no UTF-8. The library would pass
 * over the one and mend the other, and an entry or a filter would mean what nobody has sent.
 */
export const jsonOptions = {
  ignoreUnknownFields: false,
  textDecoder: new TextDecoder("utf-8", { fatal: true }),
};

/** Kept, millions of unknown fields in one message would cost hundreds of megabytes. */
export const binaryOptions = { readUnknownFields: false };

/** What answers are compressed with, if their client takes it. */
export const acceptCompression = [compressionGzip];

/**
 * Answers Connect, gRPC and gRPC-Web as `connectNodeAdapter` does, apart from four things. A client
 * that goes while it is being written to is not reported: the adapter prints a stack trace for
 * each. Only gzip is offered: its brotli works at the highest and slowest level. JSON is read
 * strictly. And small pieces of a body are put together.
 *
 * Throws if the request's host and path make no URL; `listen` answers that with a 400.
 */
export function rpcHandler(options: RpcHandlerOptions): HttpHandler {
  const router = createConnectRouter({
    ...options,
    acceptCompression,
    jsonOptions,
    binaryOptions,
  });
  options.routes(router);
  const handlers = new Map(router.handlers.map((handler) => [handler.requestPath, handler]));

  return (request, response) => {
    const handler = handlers.get(request.url?.split("?", 1)[0] ?? "");
    if (handler === undefined) {
      options.fallback(request, response);
      return;
    }
    let gone = false;
    const leave = (): void => {
      gone = true;
    };
    response.once("close", leave);
    const begun = "stream" in request ? options.begun.get(request.stream) : undefined;
    // What streams both ways, as reflection does, may keep its body open.
    if (begun === undefined && handler.method.methodKind !== "bidi_streaming") {
      cancelLate(request, options.bodyMs, leave);
    }
    const values = begun?.contextValues ?? createContextValues();
    if (options.directStreams) values.set(responseKey, response);
    const call = universalRequestFromNodeRequest(request, response, undefined, values);
    // It is that of the body that came.
    if (begun !== undefined) call.header.delete("content-length");
    const body = begun?.body ?? (call.body as AsyncIterable<Uint8Array>);
    const bidi = handler.method.methodKind === "bidi_streaming";
    handler({ ...call, body: bidi ? unhurried(body, request) : gathered(body) })
      .then((answer) => universalResponseToNodeResponse(answer, response))
      .catch((error: unknown) => {
        // A failed write can come before 'close'.
        if (gone || request.socket.destroyed) return;
        options.onError(error);
        response.destroy();
      });
  };
}

/** Pieces of a body that are smaller are put together. */
const pieceBytes = 4 * 1024;

/**
 * A body in fewer pieces: for each of them the library goes through all that it has of a message, and 16 kB
 * from anyone in frames of one byte kept it busy for more than a second.
 */
async function* gathered(body: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  let held: Uint8Array[] = [];
  let bytes = 0;
  for await (const piece of body) {
    held.push(piece);
    bytes += piece.length;
    if (bytes < pieceBytes) continue;
    yield held.length === 1 ? piece : Buffer.concat(held, bytes);
    held = [];
    bytes = 0;
  }
  if (bytes > 0) yield Buffer.concat(held, bytes);
}

/** The same for a request that is answered before its end: after each piece, what has come meanwhile. */
async function* unhurried(
  body: AsyncIterable<Uint8Array>,
  request: HttpRequest,
): AsyncGenerator<Uint8Array> {
  for await (const piece of body) {
    yield piece;
    if (piece.length >= pieceBytes) continue;
    await setImmediate();
    // Its iterator would give what is there in the pieces in which it came.
    const more: Uint8Array | null = request.read(request.readableLength);
    if (more !== null) yield more;
  }
}

/** Cancels an HTTP/2 request whose body has not ended in time: nothing else would end it. */
function cancelLate(request: HttpRequest, bodyMs: number, onCancel: () => void): void {
  if (!("stream" in request) || request.stream.endAfterHeaders) return;
  const { stream } = request;
  const late = setTimeout(() => {
    onCancel();
    stream.close(constants.NGHTTP2_CANCEL);
  }, bodyMs);
  const inTime = (): void => clearTimeout(late);
  request.once("end", inTime);
  stream.once("close", inTime);
}
