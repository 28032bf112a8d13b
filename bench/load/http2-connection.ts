import { once } from "node:events";
import { connect, type Socket } from "node:net";
import {
  type Done,
  type Exchange,
  enveloped,
  finish,
  problemOf,
  type StreamListener,
} from "./exchange.ts";
import { FrameReader } from "./frame-reader.ts";
import { HeaderEncoder, readStatuses } from "./hpack.ts";
import {
  defaultWindowBytes,
  FrameWriter,
  flags,
  frameTypes,
  largestWindowBytes,
  preface,
  settings,
} from "./http2-frames.ts";
import type { Procedure } from "./procedure.ts";
import { RequestSender } from "./request-sender.ts";

/** A server stream that is open. */
export interface OpenStream {
  /** Grants the server no more window, so that it has to wait, as for a client that reads nothing. */
  stall(): void;
  /** Resets the stream; the listener hears no more. */
  cancel(): void;
}

export interface ConnectionOptions {
  /** How much the server may send on each stream ahead of our reading. Default 1 MiB. */
  readonly streamWindowBytes?: number;
  /** Whether `Done` gets the answer's bytes: for checks and pages, not for load. */
  readonly keepBodies?: boolean;
}

const readBufferBytes = 512 * 1024;

/**
 * An HTTP/2 connection in the clear that makes calls at a few microseconds each: it writes its own
 * frames, keeps no header table for answers and decodes none of their headers but the two statuses. For
 * load from the machine that the server is measured on.
 */
export class Http2Connection {
  readonly #socket: Socket;
  readonly #options: Required<ConnectionOptions>;
  readonly #headers = new HeaderEncoder();
  readonly #exchanges = new Map<number, Exchange>();
  /** In their order, until the server takes as many streams. */
  readonly #waiting = new Set<Exchange>();
  #mostStreams = Number.POSITIVE_INFINITY;
  readonly #frames: FrameWriter;
  readonly #sender: RequestSender;
  readonly #reader = new FrameReader((type, flag, stream, payload) =>
    this.#frame(type, flag, stream, payload),
  );
  #nextStream = 1;
  #unacknowledged = 0;
  #headersOf: { id: number; endStream: boolean; parts: Buffer[] } | undefined;
  #failure: Error | undefined;
  #closing = false;

  private constructor(url: string, options: ConnectionOptions) {
    this.#options = { streamWindowBytes: 2 ** 20, keepBodies: false, ...options };
    const { hostname, port } = new URL(url);
    const buffer = Buffer.allocUnsafeSlow(readBufferBytes);
    this.#socket = connect({
      host: hostname.replace(/^\[|\]$/g, ""),
      port: Number(port),
      noDelay: true,
      onread: {
        buffer,
        callback: (length) => {
          this.#read(buffer.subarray(0, length));
          return true;
        },
      },
    });
    this.#frames = new FrameWriter((bytes) => this.#socket.write(bytes));
    this.#sender = new RequestSender(this.#frames);
    this.#socket.once("error", (error) => this.#fail(error));
    this.#socket.once("close", () => this.#fail(new Error("the connection was closed")));
    this.#frames.raw(preface);
    const own = Buffer.alloc(18);
    own.writeUInt16BE(settings.headerTableSize, 0);
    own.writeUInt16BE(settings.enablePush, 6);
    own.writeUInt16BE(settings.initialWindowSize, 12);
    own.writeUInt32BE(this.#options.streamWindowBytes, 14);
    this.#frames.frame(frameTypes.settings, 0, 0, own);
    this.#frames.number(frameTypes.windowUpdate, 0, largestWindowBytes - defaultWindowBytes);
  }

  /**
   * Connects to `http://host:port`.
   *
   * @throws Error if nobody listens.
   */
  static async open(url: string, options: ConnectionOptions = {}): Promise<Http2Connection> {
    const connection = new Http2Connection(url, options);
    await once(connection.#socket, "connect");
    return connection;
  }

  /** Makes a unary call with an encoded message, which must not change before it is done. */
  unary(target: Procedure, message: Uint8Array, done: Done): void {
    this.#start(target, target.protocol === "grpc" ? enveloped(message) : message, done, undefined);
  }

  /** Opens a server stream by an encoded request. */
  stream(target: Procedure, message: Uint8Array, listener: StreamListener): OpenStream {
    const exchange = this.#start(target, enveloped(message), undefined, listener);
    return {
      stall: () => {
        exchange.stalled = true;
      },
      cancel: () => {
        if (this.#waiting.delete(exchange) || !this.#exchanges.delete(exchange.id)) return;
        this.#sender.forget(exchange);
        this.#frames.number(frameTypes.resetStream, exchange.id, 0x8);
        this.#beginWaiting();
      },
    };
  }

  /** Closes the connection. Calls still under way end with a problem. */
  async close(): Promise<void> {
    this.#closing = true;
    if (this.#socket.destroyed) return;
    const closed = once(this.#socket, "close");
    this.#socket.destroy();
    await closed;
  }

  #start(
    target: Procedure,
    body: Uint8Array,
    done: Done | undefined,
    listener: StreamListener | undefined,
  ): Exchange {
    const exchange: Exchange = {
      id: 0,
      procedure: target,
      done,
      listener,
      status: undefined,
      grpcStatus: undefined,
      received: 0,
      unacknowledged: 0,
      stalled: false,
      kept: undefined,
      prefix: -1,
      sendWindow: 0,
      unsent: body,
      sent: 0,
    };
    if (this.#failure !== undefined) {
      const { message } = this.#failure;
      queueMicrotask(() => finish(exchange, message));
      return exchange;
    }
    this.#waiting.add(exchange);
    this.#beginWaiting();
    return exchange;
  }

  /** Begins what waits, as far as the server takes it. */
  #beginWaiting(): void {
    for (const exchange of this.#waiting) {
      if (this.#exchanges.size >= this.#mostStreams) return;
      this.#waiting.delete(exchange);
      exchange.id = this.#nextStream;
      this.#nextStream += 2;
      exchange.sendWindow = this.#sender.initialWindow;
      this.#exchanges.set(exchange.id, exchange);
      const headers = this.#headers.encode(exchange.procedure.headers);
      this.#frames.frame(frameTypes.headers, flags.endHeaders, exchange.id, headers);
      this.#sender.send(exchange);
    }
  }

  #read(chunk: Buffer): void {
    try {
      this.#reader.add(chunk);
    } catch (error) {
      this.#fail(error instanceof Error ? error : new Error(String(error)));
      this.#socket.destroy();
    }
  }

  #frame(type: number, flag: number, stream: number, payload: Buffer): void {
    switch (type) {
      case frameTypes.data:
        this.#data(stream, payload, (flag & flags.endStream) !== 0);
        return;
      case frameTypes.headers: {
        if (flag & (flags.padded | flags.priority)) throw new Error("headers with padding");
        const endStream = (flag & flags.endStream) !== 0;
        if (flag & flags.endHeaders) this.#answerHeaders(stream, payload, endStream);
        else this.#headersOf = { id: stream, endStream, parts: [Buffer.from(payload)] };
        return;
      }
      case frameTypes.continuation: {
        const open = this.#headersOf;
        if (open?.id !== stream) throw new Error("a continuation of nothing");
        open.parts.push(Buffer.from(payload));
        if (!(flag & flags.endHeaders)) return;
        this.#headersOf = undefined;
        this.#answerHeaders(stream, Buffer.concat(open.parts), open.endStream);
        return;
      }
      case frameTypes.resetStream: {
        const exchange = this.#exchanges.get(stream);
        if (exchange) this.#end(exchange, `the stream was reset (${payload.readUInt32BE()})`);
        return;
      }
      case frameTypes.settings:
        if (!(flag & flags.ack)) this.#settings(payload);
        return;
      case frameTypes.ping:
        if (!(flag & flags.ack)) this.#frames.frame(frameTypes.ping, flags.ack, 0, payload);
        return;
      case frameTypes.goAway: {
        const code = payload.readUInt32BE(4);
        this.#fail(new Error(`the server goes away (${code}): ${payload.toString("utf8", 8)}`));
        return;
      }
      case frameTypes.windowUpdate: {
        const exchange = this.#exchanges.get(stream);
        // What is granted to a call that is over is nobody's.
        if (stream !== 0 && exchange === undefined) return;
        this.#sender.grant(payload.readUInt32BE() & largestWindowBytes, exchange);
        return;
      }
    }
  }

  #settings(payload: Buffer): void {
    const said = new Map<number, number>();
    for (let at = 0; at < payload.length; at += 6) {
      said.set(payload.readUInt16BE(at), payload.readUInt32BE(at + 2));
    }
    this.#frames.frame(frameTypes.settings, flags.ack, 0, Buffer.alloc(0));
    const maxFrameBytes = said.get(settings.maxFrameSize);
    const initialWindow = said.get(settings.initialWindowSize);
    this.#sender.configure({ maxFrameBytes, initialWindow }, this.#exchanges.values());
    this.#mostStreams = said.get(settings.maxConcurrentStreams) ?? this.#mostStreams;
    this.#beginWaiting();
  }

  #answerHeaders(stream: number, block: Buffer, endStream: boolean): void {
    const exchange = this.#exchanges.get(stream);
    const { status, grpcStatus } = readStatuses(block, 0, block.length);
    if (exchange === undefined) return;
    if (status !== undefined) exchange.status = status;
    if (grpcStatus !== undefined) exchange.grpcStatus = grpcStatus;
    if (endStream) this.#end(exchange, undefined);
  }

  #data(stream: number, payload: Buffer, endStream: boolean): void {
    this.#unacknowledged += payload.length;
    if (this.#unacknowledged >= 2 ** 24) {
      this.#frames.number(frameTypes.windowUpdate, 0, this.#unacknowledged);
      this.#unacknowledged = 0;
    }
    const exchange = this.#exchanges.get(stream);
    if (exchange === undefined) return;
    if (exchange.procedure.protocol === "grpc" && exchange.prefix < 0 && payload.length >= 5) {
      exchange.prefix = payload.readUInt32BE(1);
    }
    exchange.received += payload.length;
    exchange.unacknowledged += payload.length;
    if (exchange.listener !== undefined) exchange.listener.onData(payload);
    else if (this.#options.keepBodies || exchange.status !== 200) {
      exchange.kept ??= [];
      exchange.kept.push(Buffer.from(payload));
    }
    if (endStream) this.#end(exchange, undefined);
    else this.#grant(exchange);
  }

  /** Gives the server more window once it has used up half of it. */
  #grant(exchange: Exchange): void {
    if (exchange.stalled || exchange.unacknowledged < this.#options.streamWindowBytes / 2) return;
    this.#frames.number(frameTypes.windowUpdate, exchange.id, exchange.unacknowledged);
    exchange.unacknowledged = 0;
  }

  #end(exchange: Exchange, problem: string | undefined): void {
    this.#exchanges.delete(exchange.id);
    this.#sender.forget(exchange);
    finish(exchange, problem ?? problemOf(exchange));
    this.#beginWaiting();
  }

  #fail(error: Error): void {
    this.#failure ??= error;
    if (this.#closing && this.#exchanges.size === 0) return;
    const unsent = [...this.#waiting];
    this.#waiting.clear();
    for (const exchange of unsent) finish(exchange, error.message);
    for (const exchange of [...this.#exchanges.values()]) this.#end(exchange, error.message);
  }
}
