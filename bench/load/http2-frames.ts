/** HTTP/2 frames (RFC 9113, section 6), as far as a client of unary calls and server streams needs. */

export const frameTypes = {
  data: 0x0,
  headers: 0x1,
  resetStream: 0x3,
  settings: 0x4,
  ping: 0x6,
  goAway: 0x7,
  windowUpdate: 0x8,
  continuation: 0x9,
} as const;

export const flags = { ack: 0x1, endStream: 0x1, endHeaders: 0x4, padded: 0x8, priority: 0x20 };

export const settings = {
  headerTableSize: 0x1,
  enablePush: 0x2,
  maxConcurrentStreams: 0x3,
  initialWindowSize: 0x4,
  maxFrameSize: 0x5,
} as const;

/** What a client says first, before its settings. */
export const preface = Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "latin1");

/** Bytes of a frame's header. */
export const frameHeaderBytes = 9;

/** What windows are before anybody says otherwise. */
export const defaultWindowBytes = 65_535;

/** The largest that a window may be. */
export const largestWindowBytes = 2 ** 31 - 1;

/** The largest payload, of either side, unless the other says otherwise. */
export const defaultFrameBytes = 16_384;

/** Collects frames and writes them to a socket in one go, once the event loop's turn is done. */
export class FrameWriter {
  readonly #write: (bytes: Buffer) => void;
  #buffer = Buffer.allocUnsafeSlow(256 * 1024);
  #length = 0;
  #scheduled = false;

  constructor(write: (bytes: Buffer) => void) {
    this.#write = write;
  }

  raw(bytes: Uint8Array): void {
    this.#reserve(bytes.length);
    this.#buffer.set(bytes, this.#length);
    this.#length += bytes.length;
  }

  /** A frame whose payload is `from` to `end` of these bytes. */
  frame(
    type: number,
    flag: number,
    stream: number,
    payload: Uint8Array,
    from = 0,
    end = payload.length,
  ): void {
    const size = end - from;
    this.#reserve(frameHeaderBytes + size);
    const buffer = this.#buffer;
    let at = this.#length;
    buffer[at++] = size >>> 16;
    buffer[at++] = size >>> 8;
    buffer[at++] = size;
    buffer[at++] = type;
    buffer[at++] = flag;
    buffer[at++] = stream >>> 24;
    buffer[at++] = stream >>> 16;
    buffer[at++] = stream >>> 8;
    buffer[at++] = stream;
    buffer.set(from === 0 && end === payload.length ? payload : payload.subarray(from, end), at);
    this.#length = at + size;
  }

  /** A frame whose payload is one 32-bit number. */
  number(type: number, stream: number, value: number): void {
    const payload = Buffer.allocUnsafe(4);
    payload.writeUInt32BE(value);
    this.frame(type, 0, stream, payload);
  }

  #reserve(bytes: number): void {
    if (this.#length + bytes > this.#buffer.length) this.#flush();
    if (bytes > this.#buffer.length) this.#buffer = Buffer.allocUnsafeSlow(2 * bytes);
    if (this.#scheduled) return;
    this.#scheduled = true;
    // After what the same chunk of answers leads to, so that its calls share a write.
    setImmediate(() => {
      this.#scheduled = false;
      this.#flush();
    });
  }

  #flush(): void {
    if (this.#length === 0) return;
    // The socket keeps what it is given until it is written.
    const bytes = Buffer.allocUnsafe(this.#length);
    this.#buffer.copy(bytes, 0, 0, this.#length);
    this.#length = 0;
    this.#write(bytes);
  }
}
