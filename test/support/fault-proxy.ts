/** A proxy in front of an Annals server that does to unary calls what networks and servers do. */
import { once } from "node:events";
import {
  type ClientHttp2Session,
  connect,
  constants,
  createServer,
  type Http2Server,
  type IncomingHttpHeaders,
  type OutgoingHttpHeaders,
  type ServerHttp2Session,
  type ServerHttp2Stream,
} from "node:http2";
import type { AddressInfo } from "node:net";
import { buffer } from "node:stream/consumers";
import { codeToHttpStatus, errorToJsonBytes } from "@connectrpc/connect/protocol-connect";
import { AuditError, toConnectError } from "../../src/errors.ts";

/**
 * What becomes of a call:
 * - `pass`: it is handed on, and its answer too;
 * - `cut`: the server answers, and the connection breaks before the answer is handed on;
 * - `swallow`: the server answers, and nobody ever hears of it;
 * - `hang`: it never reaches the server, and nothing comes back;
 * - `halve`: the answer ends, cleanly, after half of its bytes;
 * - `empty`, `garbage`: 200 with no bytes, or with some that are no message, in place of the answer;
 * - `html`: 502 with a page, as a load balancer says it;
 * - `refuse_stream`, `go_away`: HTTP/2's ways of saying that it was not begun;
 * - `delayMs`: the answer is handed on so much later;
 * - `error`: the server's answer is this error, and it was never asked.
 */
export type Fate =
  | "pass"
  | "cut"
  | "swallow"
  | "hang"
  | "halve"
  | "empty"
  | "garbage"
  | "html"
  | "refuse_stream"
  | "go_away"
  | { readonly delayMs: number }
  | { readonly error: AuditError };

/** A call on its way. */
export interface ProxiedCall {
  /** Example: `/audit.v1.AuditService/RecordBatch` */
  readonly path: string;
  /** Counted from 1, over all connections. */
  readonly number: number;
  /** The message as it was sent. */
  readonly body: Buffer;
  readonly headers: IncomingHttpHeaders;
}

/** A proxy in the clear (h2c), on a port that it keeps. */
export interface FaultProxy extends AsyncDisposable {
  readonly url: string;
  readonly port: number;
  /** The server's URL. New connections go there; it may change at any time, or be of a dead server. */
  upstream: string;
  /** Decides the fate of each call; at first everything passes. */
  judge: (call: ProxiedCall) => Fate;
  /** Calls so far. */
  readonly calls: number;
  /** Connections open now. */
  readonly connections: number;
  /** Cuts all connections and refuses new ones. */
  stop(): Promise<void>;
  /** Listens again, on the same port. */
  start(): Promise<void>;
}

/** A real server's refusal when its queue is full, with the delay after which to try again. */
export function queueFull(retryDelayMs: number): Fate {
  return { error: new AuditError("QUEUE_FULL", "the queue is full", { retryDelayMs }) };
}

/** Starts a proxy before a server; without one it breaks every connection that is used. */
export async function startFaultProxy(upstream = ""): Promise<FaultProxy> {
  const proxy = new RunningProxy(upstream);
  await proxy.start();
  return proxy;
}

interface Answer {
  readonly headers: OutgoingHttpHeaders;
  readonly body: Buffer;
}

class RunningProxy implements FaultProxy {
  upstream: string;
  judge: (call: ProxiedCall) => Fate = () => "pass";
  calls = 0;
  port = 0;
  #server: Http2Server | undefined;
  /** Each connection with that to the server, once it was needed. */
  readonly #sessions = new Map<ServerHttp2Session, ClientHttp2Session | undefined>();

  constructor(upstream: string) {
    this.upstream = upstream;
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  get connections(): number {
    return this.#sessions.size;
  }

  async start(): Promise<void> {
    if (this.#server) return;
    const server = createServer();
    server.on("session", (session) => this.#adopt(session));
    server.on("stream", (stream: ServerHttp2Stream, headers) => {
      // The caller left or was cut off; it knows.
      stream.on("error", () => undefined);
      this.#serve(stream, headers).catch(() => cut(stream));
    });
    await once(server.listen(this.port, "127.0.0.1"), "listening");
    this.port = (server.address() as AddressInfo).port;
    this.#server = server;
  }

  async stop(): Promise<void> {
    const server = this.#server;
    if (!server) return;
    this.#server = undefined;
    const closed = once(server, "close");
    server.close();
    for (const session of this.#sessions.keys()) session.destroy();
    await closed;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }

  #adopt(session: ServerHttp2Session): void {
    this.#sessions.set(session, undefined);
    session.on("error", () => undefined);
    session.on("close", () => {
      this.#sessions.get(session)?.destroy();
      this.#sessions.delete(session);
    });
  }

  async #serve(stream: ServerHttp2Stream, headers: IncomingHttpHeaders): Promise<void> {
    const body = await buffer(stream);
    this.calls += 1;
    const path = String(headers[":path"]);
    const fate = this.judge({ path, number: this.calls, body, headers });
    if (typeof fate === "object") {
      if ("error" in fate) return answer(stream, refusal(fate.error));
      const late = await this.#ask(stream, headers, body);
      const timer = setTimeout(() => answer(stream, late), fate.delayMs);
      stream.on("close", () => clearTimeout(timer));
      return;
    }
    switch (fate) {
      case "pass":
        return answer(stream, await this.#ask(stream, headers, body));
      case "cut":
        await this.#ask(stream, headers, body);
        return cut(stream);
      case "swallow":
        await this.#ask(stream, headers, body);
        return;
      case "hang":
        return;
      case "halve": {
        const whole = await this.#ask(stream, headers, body);
        // Without its length the answer looks whole until somebody reads it.
        const { "content-length": _, ...rest } = whole.headers;
        return answer(stream, {
          headers: rest,
          body: whole.body.subarray(0, whole.body.length / 2),
        });
      }
      case "empty":
        return answer(stream, message(Buffer.alloc(0)));
      case "garbage":
        return answer(stream, message(Buffer.from("\xff\xff\xff\xffno message", "latin1")));
      case "html":
        return answer(stream, {
          headers: { ":status": 502, "content-type": "text/html" },
          body: Buffer.from("<html><body><h1>502 Bad Gateway</h1></body></html>"),
        });
      case "refuse_stream":
        return stream.close(constants.NGHTTP2_REFUSED_STREAM);
      case "go_away":
        return goAway(stream);
    }
  }

  /** The server's answer, whole. Rejects if its connection breaks, or the caller leaves. */
  async #ask(
    stream: ServerHttp2Stream,
    headers: IncomingHttpHeaders,
    body: Buffer,
  ): Promise<Answer> {
    const request = this.#upstreamOf(stream).request(headers as OutgoingHttpHeaders);
    const leave = () => request.close(constants.NGHTTP2_CANCEL);
    stream.on("close", leave);
    request.end(body);
    const broken = once(request, "close").then(() => {
      throw new Error("the server's connection was closed before the answer was whole");
    });
    broken.catch(() => undefined); // It is closed after a whole answer, too.
    const answering = once(request, "response") as Promise<[IncomingHttpHeaders]>;
    const [answered] = await Promise.race([answering, broken]);
    const bytes = await Promise.race([buffer(request), broken]);
    stream.off("close", leave);
    return { headers: answered as OutgoingHttpHeaders, body: bytes };
  }

  #upstreamOf(stream: ServerHttp2Stream): ClientHttp2Session {
    const session = stream.session as ServerHttp2Session;
    const open = this.#sessions.get(session);
    if (open && !open.closed && !open.destroyed) return open;
    const upstream = connect(this.upstream);
    // The calls under way hear of it.
    upstream.on("error", () => undefined);
    this.#sessions.set(session, upstream);
    return upstream;
  }
}

function answer(stream: ServerHttp2Stream, { headers, body }: Answer): void {
  if (stream.closed || stream.destroyed) return;
  stream.respond(headers);
  stream.end(body);
}

function cut(stream: ServerHttp2Stream): void {
  stream.session?.destroy();
}

/** Says that the calls before this one were the last. */
function goAway(stream: ServerHttp2Stream): void {
  const { session, id = 2 } = stream;
  if (session && "goaway" in session) session.goaway(constants.NGHTTP2_NO_ERROR, id - 2);
  session?.close();
  stream.close(constants.NGHTTP2_REFUSED_STREAM);
}

function message(body: Buffer): Answer {
  return { headers: { ":status": 200, "content-type": "application/proto" }, body };
}

function refusal(error: AuditError): Answer {
  const told = toConnectError(error, () => undefined);
  return {
    headers: { ":status": codeToHttpStatus(told.code), "content-type": "application/json" },
    body: Buffer.from(errorToJsonBytes(told, undefined)),
  };
}
