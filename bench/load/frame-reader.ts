import { frameHeaderBytes } from "./http2-frames.ts";

/** Hears of a frame; the payload is to be read before this returns. */
export type OnFrame = (type: number, flag: number, stream: number, payload: Buffer) => void;

/** Cuts what comes from a socket into frames. */
export class FrameReader {
  readonly #onFrame: OnFrame;
  #rest: Buffer | undefined;

  constructor(onFrame: OnFrame) {
    this.#onFrame = onFrame;
  }

  /** Takes the next bytes, which are read before this returns. */
  add(chunk: Buffer): void {
    let bytes = chunk;
    if (this.#rest !== undefined) {
      bytes = Buffer.concat([this.#rest, chunk]);
      this.#rest = undefined;
    }
    let at = 0;
    while (bytes.length - at >= frameHeaderBytes) {
      const payload = at + frameHeaderBytes;
      const end = payload + bytes.readUIntBE(at, 3);
      if (end > bytes.length) break;
      const [type, flag] = [bytes[at + 3] as number, bytes[at + 4] as number];
      this.#onFrame(type, flag, bytes.readUInt32BE(at + 5), bytes.subarray(payload, end));
      at = end;
    }
    // What is left is in the buffer that is read into next.
    if (at < bytes.length) this.#rest = Buffer.from(bytes.subarray(at));
  }
}
