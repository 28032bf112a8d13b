import { constants } from "node:http2";
import {
  type ConnectRouter,
  type ConnectRouterOptions,
  createConnectRouter,
} from "@connectrpc/connect";
import {
  compressionGzip,
  universalRequestFromNodeRequest,
  universalResponseToNodeResponse,
} from "@connectrpc/connect-node";
import type { HttpHandler, HttpRequest } from "./http-handler.ts";

/** What {@link rpcHandler} needs. */
export interface RpcHandlerOptions
  extends Omit<ConnectRouterOptions, "acceptCompression" | "jsonOptions" | "binaryOptions"> {
  routes: (router: ConnectRouter) => void;
  /** Answers requests to paths that are no RPC's. */
  fallback: HttpHandler;
  /** How long the body of an HTTP/2 request may take, in milliseconds. HTTP/1 is timed by Node. */
  bodyMs: number;
  /** Told of failures to answer that are not the client's going. They should not happen. */
  onError: (error: unknown) => void;
}

/**
 * An unknown word or field in JSON is refused, and so is what is no UTF-8. The library would pass
 * over the one and mend the other, and an entry or a filter would mean what nobody has sent.
 */
const jsonOptions = {
  ignoreUnknownFields: false,
  textDecoder: new TextDecoder("utf-8", { fatal: true }),
};

/**
 * Answers Connect, gRPC and gRPC-Web as `connectNodeAdapter` does, apart from three things. A client
 * that goes while it is being written to is not reported: the adapter prints a stack trace for
 * each. Only gzip is offered: its brotli works at the highest and slowest level. And JSON is read
 * strictly.
 *
 * Throws if the request's host and path make no URL; `listen` answers that with a 400.
 */
export function rpcHandler(options: RpcHandlerOptions): HttpHandler {
  const router = createConnectRouter({
    ...options,
    acceptCompression: [compressionGzip],
    jsonOptions,
    // Kept, millions of unknown fields in one message would cost hundreds of megabytes.
    binaryOptions: { readUnknownFields: false },
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
    // What streams both ways, as reflection does, may keep its body open.
    if (handler.method.methodKind !== "bidi_streaming") cancelLate(request, options.bodyMs, leave);
    handler(universalRequestFromNodeRequest(request, response, undefined, undefined))
      .then((answer) => universalResponseToNodeResponse(answer, response))
      .catch((error: unknown) => {
        // A failed write can come before 'close'.
        if (gone || request.socket.destroyed) return;
        options.onError(error);
        response.destroy();
      });
  };
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
