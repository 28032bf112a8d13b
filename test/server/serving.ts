import { once } from "node:events";
import http2 from "node:http2";
import net from "node:net";
import type { ConnectRouter, ConnectRouterOptions } from "@connectrpc/connect";
import { DrainGuard, withDrainGuard } from "../../src/server/drain-guard.ts";
import { createHealth, type Health, healthRoutes } from "../../src/server/health.ts";
import { httpRoutes, withCors } from "../../src/server/http.ts";
import { type Listener, type ListenOptions, listen } from "../../src/server/listen.ts";
import { createMetrics, type Metrics } from "../../src/server/metrics.ts";
import { rpcHandler } from "../../src/server/rpc-handler.ts";

/** A whole server on a port that the system chooses, closed by `await using`. */
export interface Serving extends AsyncDisposable, Listener {
  health: Health;
  metrics: Metrics;
  /** Failures to answer. */
  errors: unknown[];
}

export interface ServeOptions {
  routes?: (router: ConnectRouter) => void;
  router?: Omit<ConnectRouterOptions, "acceptCompression">;
  metrics?: Metrics;
  origins?: string[];
  stallMs?: number;
  tls?: NonNullable<ListenOptions["tls"]>;
  timeouts?: NonNullable<ListenOptions["timeouts"]>;
}

export async function serve(options: ServeOptions = {}): Promise<Serving> {
  const health = createHealth(["audit.v1.AuditService"]);
  const metrics = options.metrics ?? createMetrics();
  const errors: unknown[] = [];
  const onError = (error: unknown): void => {
    errors.push(error);
  };
  const rpc = rpcHandler({
    ...options.router,
    bodyMs: 30_000,
    begun: new WeakMap(),
    onError,
    routes: (router) => {
      healthRoutes(health)(router);
      options.routes?.(router);
    },
    fallback: httpRoutes({ health, registry: metrics.registry }),
  });
  const listener = await listen({
    handler: withDrainGuard(
      withCors(rpc, options.origins ?? []),
      new DrainGuard({ stallMs: options.stallMs ?? 30_000 }),
    ),
    host: "127.0.0.1",
    port: 0,
    maxHeaderBytes: 16 * 1024,
    onError,
    ...(options.tls ? { tls: options.tls } : {}),
    ...(options.timeouts ? { timeouts: options.timeouts } : {}),
  });
  return {
    ...listener,
    health,
    metrics,
    errors,
    [Symbol.asyncDispose]: () => listener.close(0),
  };
}

/** An HTTP/2 client in the clear, connected. */
export async function connectHttp2(url: string): Promise<http2.ClientHttp2Session> {
  const session = http2.connect(url);
  session.on("error", () => {});
  await once(session, "connect");
  return session;
}

/** A status and body of a request over HTTP/2. */
export async function http2Request(
  session: http2.ClientHttp2Session,
  headers: http2.OutgoingHttpHeaders,
): Promise<{ headers: http2.IncomingHttpHeaders; body: string }> {
  const stream = session.request(headers);
  const [responseHeaders] = (await once(stream, "response")) as [http2.IncomingHttpHeaders];
  let body = "";
  for await (const chunk of stream.setEncoding("utf8")) body += chunk;
  return { headers: responseHeaders, body };
}

/** A bare TCP client that keeps all it was sent. */
export interface RawClient {
  socket: net.Socket;
  received(): string;
  /** Resolves when the server has ended or reset the connection. */
  closed: Promise<void>;
}

export async function connectRaw(port: number): Promise<RawClient> {
  const socket = net.connect(port, "127.0.0.1");
  socket.on("error", () => {});
  let text = "";
  socket.on("data", (chunk) => {
    text += chunk.toString("latin1");
  });
  const closed = new Promise<void>((resolve) => socket.once("close", () => resolve()));
  await once(socket, "connect");
  return { socket, received: () => text, closed };
}

/** A promise to be settled from outside. */
export function gate(): { open: () => void; opened: Promise<void> } {
  const { promise, resolve } = Promise.withResolvers<void>();
  return { open: resolve, opened: promise };
}
