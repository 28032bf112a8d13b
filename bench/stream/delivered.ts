/** Reads the sequences of entries out of what a server stream brings, and nothing else. */

/** Cuts a stream's bytes into its messages; flags other than 0 (its end, compressed) are refused. */
export class Messages {
  readonly #onMessage: (bytes: Buffer, from: number, to: number) => void;
  #rest: Buffer | undefined;

  constructor(onMessage: (bytes: Buffer, from: number, to: number) => void) {
    this.#onMessage = onMessage;
  }

  /** Takes the next bytes, which are read before this returns. */
  add(chunk: Buffer): void {
    let bytes = chunk;
    if (this.#rest !== undefined) bytes = Buffer.concat([this.#rest, chunk]);
    let at = 0;
    while (bytes.length - at >= 5) {
      const end = at + 5 + bytes.readUInt32BE(at + 1);
      if (end > bytes.length) break;
      if (bytes[at] !== 0)
        throw new Error(`a message with flags: ${bytes.toString("utf8", at, end)}`);
      this.#onMessage(bytes, at + 5, end);
      at = end;
    }
    this.#rest = at === bytes.length ? undefined : Buffer.from(bytes.subarray(at));
  }
}

/**
 * Tells the sequences of the entries in a `StreamResponse` or `RecordResponse`, both of which hold
 * entries as field 1, in their order.
 */
export function eachSequence(
  bytes: Buffer,
  from: number,
  to: number,
  found: (sequence: number) => void,
): void {
  let at = from;
  const varint = () => {
    let value = 0;
    for (let scale = 1; ; scale *= 128) {
      const byte = bytes[at++] as number;
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) return value;
    }
  };
  while (at < to) {
    const tag = varint();
    const end = varint() + at;
    // Fields of an entry come in order: its id and its team are before its sequence, field 3.
    while (tag === 0x0a && at < end) {
      const field = varint();
      const value = varint();
      if (field === 0x18) {
        found(value);
        break;
      }
      at += value;
    }
    at = end;
  }
}
