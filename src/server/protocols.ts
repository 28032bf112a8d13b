import http from "node:http";
import http2 from "node:http2";
import type { Duplex } from "node:stream";
import type { HttpHandler, HttpRequest, HttpResponse } from "./http-handler.ts";

/** A protocol's server, which is handed its connections and never listens itself. */
export interface ProtocolServer {
  accept(socket: Duplex): void;
  /** Tells clients to leave, closes idle connections, and the others as their calls end. */
  close(): void;
}

interface ProtocolOptions {
  handler: HttpHandler;
  onError: (error: unknown) => void;
  /** The most that a request's headers may take. */
  maxHeaderBytes: number;
}

/** HTTP/1.1. A request has to arrive within the time-outs; its response may take for ever. */
export function serveHttp1(
  options: ProtocolOptions & { headersMs: number; requestMs: number },
): ProtocolServer {
  const inFlight = new Set<http.ServerResponse>();
  let closing = false;
  const server = http.createServer(
    {
      maxHeaderSize: options.maxHeaderBytes,
      headersTimeout: options.headersMs,
      requestTimeout: options.requestMs,
      connectionsCheckingInterval: Math.ceil(Math.min(options.headersMs, options.requestMs) / 4),
    },
    (request, response) => {
      if (closing) response.setHeader("connection", "close");
      inFlight.add(response);
      response.once("close", () => {
        inFlight.delete(response);
        if (closing) setImmediate(() => server.closeIdleConnections());
      });
      handle(options, request, response);
    },
  );
  // Node would silently drop the headers beyond 2,000; their bytes are limited already.
  server.maxHeadersCount = 0;
  // Node keeps its list of connections, and so its time-outs, from this event on.
  server.emit("listening");
  return {
    accept: (socket) => server.emit("connection", socket),
    close: () => {
      closing = true;
      for (const response of inFlight) {
        if (!response.headersSent) response.setHeader("connection", "close");
      }
      server.close();
    },
  };
}

/** Listens to the `stream` event of an HTTP/2 server. */
export type StreamListener = (
  stream: http2.ServerHttp2Stream,
  headers: http2.IncomingHttpHeaders,
  flags: number,
  rawHeaders: string[],
) => void;

/** HTTP/2. A peer that has not answered a ping when the next is due, `pingMs` later, is cut off. */
export function serveHttp2(
  options: ProtocolOptions & {
    pingMs: number;
    /** Takes streams before Node makes a request and a response of them, and passes on the others. */
    lane?: ((next: StreamListener) => StreamListener) | undefined;
  },
): ProtocolServer {
  const server = http2.createServer(
    {
      // MB a session. The default of 10 refuses new streams when a few large messages wait.
      maxSessionMemory: 128,
      maxHeaderListPairs: 256,
      settings: {
        maxConcurrentStreams: 1_000,
        maxHeaderListSize: options.maxHeaderBytes,
        initialWindowSize: 256 * 1024,
      },
    },
    (request, response) => handle(options, request, response),
  );
  if (options.lane !== undefined) {
    // Node's own, which is what emits 'request'.
    const [listener] = server.listeners("stream");
    if (listener === undefined) throw new Error("nothing listens to HTTP/2 streams");
    server.removeAllListeners("stream");
    server.on(
      "stream",
      options.lane((...stream) => Reflect.apply(listener, server, stream)),
    );
  }
  // Sessions, and whether each owes us the answer to a ping.
  const sessions = new Map<http2.ServerHttp2Session, boolean>();
  server.on("session", (session) => {
    sessions.set(session, false);
    session.once("close", () => sessions.delete(session));
    // A session's window no wider than a stream's would let one unread stream block the others.
    session.setLocalWindowSize(4 * 1024 * 1024);
  });
  const pinging = setInterval(() => {
    for (const [session, owing] of sessions) {
      if (session.destroyed) continue;
      if (owing) {
        session.destroy();
        continue;
      }
      sessions.set(session, true);
      session.ping((error) => {
        if (error === null && sessions.has(session)) sessions.set(session, false);
      });
    }
  }, options.pingMs).unref();
  return {
    accept: (socket) => server.emit("connection", socket),
    close: () => {
      clearInterval(pinging);
      for (const session of sessions.keys()) session.close();
    },
  };
}

/** connect-node throws synchronously when it cannot make a URL of the authority and path. */
function handle(options: ProtocolOptions, request: HttpRequest, response: HttpResponse): void {
  try {
    options.handler(request, response);
  } catch (error) {
    const authority = "authority" in request ? request.authority : request.headers.host;
    const malformed = !URL.canParse(request.url ?? "", `http://${authority ?? ""}`);
    if (!malformed) options.onError(error);
    if (!response.headersSent) response.writeHead(malformed ? 400 : 500);
    response.end();
  }
}
