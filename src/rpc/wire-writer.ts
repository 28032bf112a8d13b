/** The most bytes that a varint of 53 bits has, and a tag of a field up to 15. */
const numberBytes = 9;
/** Of a writer that is used again; more than that, which a large answer took, is given back. */
const keptBytes = 1024 * 1024;

/**
 * Writes protobuf's wire format for messages that are known when the program is written: fields 1 to
 * 15 unless said otherwise, no groups. Buffer writes text straight to its place, in half the time of the
 * TextEncoder that protobuf-es has.
 */
export class WireWriter {
  #buffer = Buffer.allocUnsafeSlow(64 * 1024);
  #at = 0;

  /** A field with text, well-formed Unicode. Empty text is left out, as proto3 does. */
  text(field: number, value: string): void {
    const { length } = value;
    if (length > 0) this.presentText(field, value);
  }

  /** The same, also if it is empty: for members of a oneof and of maps. */
  presentText(field: number, value: string): void {
    const { length } = value;
    this.#need(3 * length + numberBytes);
    const buffer = this.#buffer;
    buffer[this.#at++] = (field << 3) | 2;
    // Most text is ASCII, so its length in bytes is that in characters.
    const guess = varintBytes(length);
    const start = this.#at + guess;
    const written = buffer.write(value, start, "utf8");
    const needed = varintBytes(written);
    if (needed !== guess) buffer.copyWithin(this.#at + needed, start, start + written);
    this.#varint(written);
    this.#at += written;
  }

  /** A field with bytes; empty ones are left out. */
  bytes(field: number, value: Uint8Array): void {
    if (value.length > 0) this.message(field, value);
  }

  /** The same for the fields 16 to 2047, whose tags have two bytes. */
  bytesAbove15(field: number, value: Uint8Array): void {
    if (value.length === 0) return;
    this.#need(numberBytes);
    this.#buffer[this.#at++] = ((field << 3) & 0x7f) | 0x82;
    this.#buffer[this.#at++] = field >> 4;
    this.#append(value);
  }

  /** A field with an encoded message. */
  message(field: number, value: Uint8Array): void {
    this.#need(numberBytes);
    this.#buffer[this.#at++] = (field << 3) | 2;
    this.#append(value);
  }

  /** A field with a whole number up to 2^53; 0 is left out. */
  number(field: number, value: number): void {
    if (value !== 0) this.presentNumber(field, value);
  }

  /** The same, also if it is 0. */
  presentNumber(field: number, value: number): void {
    this.#need(numberBytes);
    this.#buffer[this.#at++] = field << 3;
    this.#varint(value);
  }

  /** A field of type int64 or uint64; 0 is left out. */
  bigint(field: number, value: bigint): void {
    if (value >= 0n && value <= Number.MAX_SAFE_INTEGER) {
      this.number(field, Number(value));
      return;
    }
    this.#need(numberBytes + 2);
    this.#buffer[this.#at++] = field << 3;
    let rest = BigInt.asUintN(64, value);
    for (; rest > 0x7fn; rest >>= 7n) this.#buffer[this.#at++] = Number(rest & 0x7fn) | 0x80;
    this.#buffer[this.#at++] = Number(rest);
  }

  /** A field with a double, also if it is 0. */
  double(field: number, value: number): void {
    this.#need(numberBytes);
    this.#buffer[this.#at++] = (field << 3) | 1;
    this.#at = this.#buffer.writeDoubleLE(value, this.#at);
  }

  /** Begins a field with a message; its mark goes to {@link end}. */
  begin(field: number): number {
    this.#need(numberBytes);
    this.#buffer[this.#at++] = (field << 3) | 2;
    // Room for the length of a short message; a longer one is moved.
    return ++this.#at;
  }

  /** Ends the message that was begun at the mark. */
  end(mark: number): void {
    const length = this.#at - mark;
    const needed = varintBytes(length);
    if (needed > 1) {
      this.#need(numberBytes);
      this.#buffer.copyWithin(mark + needed - 1, mark, this.#at);
    }
    this.#at = mark - 1;
    this.#varint(length);
    this.#at += length;
  }

  /** What was written, in memory of its own; the writer begins anew. */
  finish(): Uint8Array<ArrayBuffer> {
    const bytes = new Uint8Array(this.#at);
    bytes.set(this.#buffer.subarray(0, this.#at));
    this.reset();
    return bytes;
  }

  /**
   * The same in a piece of Buffer's pool, which takes a sixth of the time; but kept, it keeps the whole
   * pool. For what is sent at once.
   */
  finishToSend(): Uint8Array<ArrayBuffer> {
    const bytes = Buffer.allocUnsafe(this.#at);
    this.#buffer.copy(bytes, 0, 0, this.#at);
    this.reset();
    return bytes;
  }

  /** Begins anew, as after a failure half-way. */
  reset(): void {
    this.#at = 0;
    if (this.#buffer.length > keptBytes) this.#buffer = Buffer.allocUnsafeSlow(64 * 1024);
  }

  #append(value: Uint8Array): void {
    this.#need(value.length + numberBytes);
    this.#varint(value.length);
    this.#buffer.set(value, this.#at);
    this.#at += value.length;
  }

  #varint(value: number): void {
    let rest = value;
    while (rest > 0x7f) {
      this.#buffer[this.#at++] = (rest % 0x80) | 0x80;
      rest = Math.floor(rest / 0x80);
    }
    this.#buffer[this.#at++] = rest;
  }

  #need(bytes: number): void {
    const { length } = this.#buffer;
    if (this.#at + bytes <= length) return;
    const larger = Buffer.allocUnsafeSlow(2 * Math.max(length, this.#at + bytes));
    this.#buffer.copy(larger, 0, 0, this.#at);
    this.#buffer = larger;
  }
}

/** Bytes of a varint of less than 32 bits. */
function varintBytes(value: number): number {
  if (value < 0x80) return 1;
  if (value < 0x4000) return 2;
  if (value < 0x20_0000) return 3;
  return value < 0x1000_0000 ? 4 : 5;
}
