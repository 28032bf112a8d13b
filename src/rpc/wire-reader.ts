/**
 * Bytes that are no message, or one in a form that programs do not usually write. What they mean is for
 * protobuf-es to say.
 */
export class UnusualBytes extends Error {
  override readonly name = "UnusualBytes";
}

/** Refuses what a reader is not sure of. One error for all: who meets it asks protobuf-es. */
export function unusual(): never {
  throw new UnusualBytes("the message is not in its usual form");
}

/**
 * Reads protobuf's wire format where it is plain: it accepts nothing that protobuf-es refuses, and reads
 * it as protobuf-es does. Whatever has another form (numbers above 2^49, texts that are not UTF-8, ends
 * that do not agree) it refuses with {@link UnusualBytes}.
 */
export class WireReader {
  readonly #bytes: Buffer;
  /** Where it is. */
  at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = Buffer.isBuffer(bytes)
      ? bytes
      : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  /** Bytes there are. */
  get length(): number {
    return this.#bytes.length;
  }

  /** The first byte of a tag, which is all of it for fields up to 15. */
  tag(): number {
    return this.#bytes[this.at++] ?? unusual();
  }

  /** A whole number from 0 to 2^49. */
  number(): number {
    let value = 0;
    let unit = 1;
    for (let i = 0; i < 7; i++) {
      const byte = this.#bytes[this.at++] ?? unusual();
      if (byte < 0x80) return value + byte * unit;
      value += (byte & 0x7f) * unit;
      unit *= 0x80;
    }
    return unusual();
  }

  /** A whole number below 2^31, of an enum or an int32. */
  int32(): number {
    const value = this.number();
    return value <= 0x7fff_ffff ? value : unusual();
  }

  /** A bool. */
  bool(): boolean {
    const value = this.tag();
    return value === 1 || (value === 0 ? false : unusual());
  }

  /** A double. */
  double(): number {
    const { at } = this;
    this.at += 8;
    if (this.at > this.length) unusual();
    return this.#bytes.readDoubleLE(at);
  }

  /** The end of what is delimited by a length, within what ends at `limit`. */
  end(limit: number): number {
    const length = this.number();
    const end = this.at + length;
    return end <= limit ? end : unusual();
  }

  /** A text, within what ends at `limit`. */
  text(limit: number): string {
    const end = this.end(limit);
    const text = this.#bytes.toString("utf8", this.at, end);
    // Stands for what is not UTF-8, or for itself: either is rare.
    if (text.includes("\ufffd")) unusual();
    this.at = end;
    return text;
  }
}
