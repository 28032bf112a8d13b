import { once } from "node:events";
import net, { type AddressInfo, type Socket } from "node:net";
import tls from "node:tls";
import type { HttpHandler } from "./http-handler.ts";
import { type ProtocolServer, type StreamListener, serveHttp1, serveHttp2 } from "./protocols.ts";
import { sniffProtocol } from "./sniff.ts";

/** What {@link listen} needs. */
export interface ListenOptions {
  handler: HttpHandler;
  /** Takes HTTP/2 streams before the handler's request is made of them, and passes on the others. */
  lane?: ((next: StreamListener) => StreamListener) | undefined;
  /** Address or name to bind, `0.0.0.0` or `::` for all. */
  host: string;
  /** 0 lets the system choose; see {@link Listener.port}. */
  port: number;
  /** PEM texts. With them the port speaks TLS only, and ALPN chooses the protocol. */
  tls?: { cert: string; key: string };
  /** The most that a request's headers may take, in bytes. Beyond it: 431, or the stream is reset. */
  maxHeaderBytes: number;
  /** Told of what the handler threw, which the client sees as a 500, and of failures to accept. */
  onError: (error: unknown) => void;
  /** Milliseconds; tests shorten them. */
  timeouts?: Partial<Timeouts>;
}

interface Timeouts {
  /** From connecting to the first bytes that tell the protocol, or the end of the TLS handshake. */
  first: number;
  /** HTTP/1: from a request's first byte to the end of its headers. */
  headers: number;
  /** HTTP/1: from a request's first byte to the end of its body. Responses may take for ever. */
  request: number;
  /** HTTP/2: between pings. A peer that has not answered one when the next is due is cut off. */
  ping: number;
}

const defaultTimeouts: Timeouts = { first: 10_000, headers: 10_000, request: 30_000, ping: 30_000 };

/** A port that is served. */
export interface Listener {
  /** `http://host:port` or `https://…`, for people and clients on this machine. */
  url: string;
  port: number;
  /**
   * Stops accepting, tells every client to leave, and waits for the calls in flight; after
   * `graceMs` cuts off what is left. No socket is open when it resolves. Calling it again waits
   * for the same end.
   */
  close(graceMs: number): Promise<void>;
}

/**
 * Serves HTTP/1.1 and HTTP/2 on one port: in the clear by sniffing the HTTP/2 preface, since
 * Node's `allowHTTP1` works under TLS only, and under TLS by ALPN.
 *
 * Rejects with Node's error (`EADDRINUSE`, `EACCES`, …) when it cannot bind, and when the
 * certificate and key do not fit.
 */
export async function listen(options: ListenOptions): Promise<Listener> {
  const timeouts = { ...defaultTimeouts, ...options.timeouts };
  let closing: Promise<void> | undefined;
  const sockets = new Set<Socket>();
  const undecided = new Set<Socket>();
  const accept = (socket: Socket, protocol: "http1" | "http2"): void => {
    undecided.delete(socket);
    if (closing) socket.destroy();
    else servers[protocol].accept(socket);
  };

  const socketOptions = { noDelay: true, keepAlive: true, keepAliveInitialDelay: 30_000 };
  const front = options.tls
    ? tls.createServer(
        {
          ...options.tls,
          ...socketOptions,
          ALPNProtocols: ["h2", "http/1.1"],
          handshakeTimeout: timeouts.first,
        },
        (socket) => accept(socket, socket.alpnProtocol === "h2" ? "http2" : "http1"),
      )
    : net.createServer(socketOptions, (socket) => {
        undecided.add(socket);
        sniffProtocol(socket, timeouts.first, (protocol) => accept(socket, protocol));
      });
  front.on("connection", (socket: Socket) => {
    sockets.add(socket);
    // What goes wrong on a socket is its own end, and 'close' follows; unheard it would end us.
    socket.on("error", () => {});
    socket.once("close", () => {
      sockets.delete(socket);
      undecided.delete(socket);
    });
  });

  const { handler, lane, onError, maxHeaderBytes } = options;
  const servers: Record<"http1" | "http2", ProtocolServer> = {
    http1: serveHttp1({
      handler,
      onError,
      maxHeaderBytes,
      headersMs: timeouts.headers,
      requestMs: timeouts.request,
    }),
    http2: serveHttp2({ handler, lane, onError, maxHeaderBytes, pingMs: timeouts.ping }),
  };
  try {
    await once(front.listen(options.port, options.host), "listening");
  } catch (error) {
    servers.http1.close();
    servers.http2.close();
    throw error;
  }
  // As when the process has run out of file descriptors.
  front.on("error", onError);
  const { port } = front.address() as AddressInfo;

  const shutDown = async (graceMs: number): Promise<void> => {
    const closed = new Promise<void>((resolve) => front.close(() => resolve()));
    for (const socket of undecided) socket.destroy();
    servers.http1.close();
    servers.http2.close();
    const timer = setTimeout(() => {
      for (const socket of sockets) socket.destroy();
    }, graceMs);
    await closed;
    clearTimeout(timer);
  };
  return {
    url: `${options.tls ? "https" : "http"}://${hostInUrl(options.host)}:${port}`,
    port,
    close: (graceMs) => {
      closing ??= shutDown(graceMs);
      return closing;
    },
  };
}

function hostInUrl(host: string): string {
  if (host === "0.0.0.0" || host === "::") return "localhost";
  return net.isIPv6(host) ? `[${host}]` : host;
}
