import type { Exchange } from "./exchange.ts";
import {
  defaultFrameBytes,
  defaultWindowBytes,
  type FrameWriter,
  flags,
  frameTypes,
} from "./http2-frames.ts";

/** The largest frame that is sent, however large a server takes them. */
const mostFrameBytes = 65_536;

/** Sends the bodies of requests, as fast as the server's windows allow. */
export class RequestSender {
  readonly #frames: FrameWriter;
  /** In the order in which they wait for a window. */
  readonly #waiting = new Set<Exchange>();
  #window = defaultWindowBytes;
  #maxFrameBytes = defaultFrameBytes;
  /** The window that a new stream has. */
  initialWindow = defaultWindowBytes;

  constructor(frames: FrameWriter) {
    this.#frames = frames;
  }

  /** Sends as much of a request as the windows allow, and the rest as they open. */
  send(exchange: Exchange): void {
    const body = exchange.unsent;
    if (body === undefined) return;
    for (;;) {
      const left = body.length - exchange.sent;
      const size = Math.min(left, this.#maxFrameBytes, this.#window, exchange.sendWindow);
      if (size <= 0 && left > 0) {
        this.#waiting.add(exchange);
        return;
      }
      const end = exchange.sent + size;
      const flag = end === body.length ? flags.endStream : 0;
      this.#frames.frame(frameTypes.data, flag, exchange.id, body, exchange.sent, end);
      exchange.sent = end;
      exchange.sendWindow -= size;
      this.#window -= size;
      if (end < body.length) continue;
      exchange.unsent = undefined;
      this.#waiting.delete(exchange);
      return;
    }
  }

  /** Sends no more of it. */
  forget(exchange: Exchange): void {
    this.#waiting.delete(exchange);
  }

  /** The server grants more, to a stream or, without one, to the connection. */
  grant(more: number, exchange?: Exchange): void {
    if (exchange === undefined) this.#window += more;
    else exchange.sendWindow += more;
    this.#sendWaiting();
  }

  /** The server has said what frames and windows it wants. */
  configure(
    settings: { maxFrameBytes: number | undefined; initialWindow: number | undefined },
    open: Iterable<Exchange>,
  ): void {
    const { maxFrameBytes = this.#maxFrameBytes, initialWindow = this.initialWindow } = settings;
    this.#maxFrameBytes = Math.min(maxFrameBytes, mostFrameBytes);
    for (const exchange of open) exchange.sendWindow += initialWindow - this.initialWindow;
    this.initialWindow = initialWindow;
    this.#sendWaiting();
  }

  #sendWaiting(): void {
    for (const exchange of [...this.#waiting]) {
      if (this.#window <= 0) return;
      this.send(exchange);
    }
  }
}
