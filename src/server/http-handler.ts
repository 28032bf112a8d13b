import type { connectNodeAdapter } from "@connectrpc/connect-node";

/** Answers a request of either protocol, in its own time. */
export type HttpHandler = ReturnType<typeof connectNodeAdapter>;

/** A request over HTTP/1.1 or HTTP/2; Node's HTTP/2 classes mirror those of HTTP/1. */
export type HttpRequest = Parameters<HttpHandler>[0];

/** The response to an {@link HttpRequest}. */
export type HttpResponse = Parameters<HttpHandler>[1];
