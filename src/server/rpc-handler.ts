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
import type { HttpHandler } from "./http-handler.ts";

/** What {@link rpcHandler} needs. */
export interface RpcHandlerOptions extends Omit<ConnectRouterOptions, "acceptCompression"> {
  routes: (router: ConnectRouter) => void;
  /** Answers requests to paths that are no RPC's. */
  fallback: HttpHandler;
  /** Told of failures to answer that are not the client's going. They should not happen. */
  onError: (error: unknown) => void;
}

/**
 * Answers Connect, gRPC and gRPC-Web as `connectNodeAdapter` does, apart from two things. A client
 * that goes while it is being written to is not reported: the adapter prints a stack trace for
 * each. And only gzip is offered: its brotli works at the highest and slowest level.
 *
 * Throws if the request's host and path make no URL; `listen` answers that with a 400.
 */
export function rpcHandler(options: RpcHandlerOptions): HttpHandler {
  const router = createConnectRouter({ ...options, acceptCompression: [compressionGzip] });
  options.routes(router);
  const handlers = new Map(router.handlers.map((handler) => [handler.requestPath, handler]));

  return (request, response) => {
    const handler = handlers.get(request.url?.split("?", 1)[0] ?? "");
    if (handler === undefined) {
      options.fallback(request, response);
      return;
    }
    let gone = false;
    response.once("close", () => {
      gone = true;
    });
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
