/** As much of HPACK (RFC 7541) as a client needs that sends the same headers again and again. */

/** Name and value, both in lower-case ASCII where HTTP wants it so. */
export type Header = readonly [name: string, value: string];

const staticIndexes = new Map([
  [":method POST", 3],
  [":scheme http", 6],
]);
const staticNames = new Map([
  [":authority", 1],
  [":method", 2],
  [":path", 4],
  [":scheme", 6],
  ["accept-encoding", 16],
  ["authorization", 23],
  ["content-type", 31],
  ["user-agent", 58],
]);
const staticEntries = 61;
/** The size of the table at the other end, unless it says otherwise; we never go beyond it. */
const tableBytes = 4_096;

/**
 * Encodes request headers for one connection: what was sent before is a byte or two, as with any
 * client, so that the server's decoding costs what it does in use.
 */
export class HeaderEncoder {
  /** What is in the dynamic table, by when it was put there. */
  readonly #inserted = new Map<string, number>();
  readonly #blocks = new Map<readonly Header[], { block: Buffer; inserted: number }>();
  #bytes = 0;

  /** The header block. The same array of headers is encoded once and for all. */
  encode(headers: readonly Header[]): Buffer {
    const known = this.#blocks.get(headers);
    if (known !== undefined && known.inserted === this.#inserted.size) return known.block;
    const before = this.#inserted.size;
    const block = Buffer.concat(headers.map((header) => this.#field(header)));
    // A block that has put something into the table may not be sent again.
    if (before === this.#inserted.size) this.#blocks.set(headers, { block, inserted: before });
    return block;
  }

  #field([name, value]: Header): Buffer {
    const key = `${name} ${value}`;
    const fixed = staticIndexes.get(key);
    if (fixed !== undefined) return integer(0x80, 7, fixed);
    const order = this.#inserted.get(key);
    if (order !== undefined) {
      return integer(0x80, 7, staticEntries + this.#inserted.size - order);
    }
    const size = 32 + name.length + value.length;
    const fits = this.#bytes + size <= tableBytes;
    const [mark, bits] = fits ? [0x40, 6] : [0x00, 4];
    if (fits) {
      this.#bytes += size;
      this.#inserted.set(key, this.#inserted.size);
    }
    const index = staticNames.get(name) ?? 0;
    return Buffer.concat([
      integer(mark, bits, index),
      ...(index === 0 ? [text(name)] : []),
      text(value),
    ]);
  }
}

function text(value: string): Buffer {
  const bytes = Buffer.from(value, "latin1");
  return Buffer.concat([integer(0, 7, bytes.length), bytes]);
}

/** An integer with a prefix of so many bits. */
function integer(mark: number, bits: number, value: number): Buffer {
  const most = 2 ** bits - 1;
  if (value < most) return Buffer.of(mark | value);
  const bytes = [mark | most];
  let rest = value - most;
  for (; rest >= 128; rest = Math.floor(rest / 128)) bytes.push((rest % 128) | 128);
  return Buffer.from([...bytes, rest]);
}

/** What of an answer's headers or trailers decides whether it is a success. */
export interface AnswerHeaders {
  /** `:status`; undefined in trailers. */
  readonly status: number | undefined;
  /** `grpc-status`; undefined where there is none. */
  readonly grpcStatus: number | undefined;
}

const statusByIndex = [200, 204, 206, 304, 400, 404, 500];
const plainGrpcStatus = Buffer.from("grpc-status");
/** The same in HPACK's Huffman code. */
const codedGrpcStatus = Buffer.from("9acac8b21234da8f", "hex");

/**
 * Reads the two statuses out of a header block from a peer that was told to keep no table. What else
 * there is, is passed over undecoded: this runs for every answer.
 *
 * @throws Error if the block is malformed or refers to a table.
 */
export function readStatuses(block: Uint8Array, from: number, end: number): AnswerHeaders {
  const reader = new BlockReader(block, from, end);
  let status: number | undefined;
  let grpcStatus: number | undefined;
  while (reader.at < end) {
    const first = block[reader.at] as number;
    if (first >= 0x80) {
      const index = reader.integer(7);
      if (index === 0 || index > staticEntries) throw new Error("a header of no table");
      if (index >= 8 && index <= 14) status = statusByIndex[index - 8];
    } else if (first >= 0x20 && first < 0x40) {
      reader.integer(5); // The size of the table: 0, as it was told.
    } else {
      const index = reader.integer(first >= 0x40 ? 6 : 4);
      if (index > staticEntries) throw new Error("a header's name of no table");
      const isGrpcStatus = index === 0 && reader.isGrpcStatus();
      if (index >= 8 && index <= 14) status = reader.digits();
      else if (isGrpcStatus) grpcStatus = reader.digits();
      else reader.skipText();
    }
  }
  return { status, grpcStatus };
}

class BlockReader {
  at: number;
  readonly #block: Uint8Array;
  readonly #end: number;

  constructor(block: Uint8Array, from: number, end: number) {
    this.#block = block;
    this.at = from;
    this.#end = end;
  }

  integer(bits: number): number {
    const most = 2 ** bits - 1;
    let value = this.#byte() & most;
    if (value < most) return value;
    for (let shift = 1; ; shift *= 128) {
      const byte = this.#byte();
      value += (byte & 127) * shift;
      if (byte < 128) return value;
    }
  }

  skipText(): void {
    const length = this.integer(7);
    this.at += length;
    if (this.at > this.#end) throw new Error("a header is cut off");
  }

  isGrpcStatus(): boolean {
    const coded = (this.#block[this.at] as number) >= 0x80;
    const start = this.at;
    this.skipText();
    const expected = coded ? codedGrpcStatus : plainGrpcStatus;
    const from = start + 1;
    if (this.at - from !== expected.length) return false;
    for (let i = 0; i < expected.length; i++) {
      if (this.#block[from + i] !== expected[i]) return false;
    }
    return true;
  }

  /** A text of digits, plain or Huffman-coded, as a number; NaN if it is none. */
  digits(): number {
    const coded = (this.#block[this.at] as number) >= 0x80;
    const length = this.integer(7);
    const from = this.at;
    this.at += length;
    if (this.at > this.#end) throw new Error("a header is cut off");
    const bytes = this.#block.subarray(from, this.at);
    return Number(coded ? huffmanDigits(bytes) : Buffer.from(bytes).toString("latin1"));
  }

  #byte(): number {
    if (this.at >= this.#end) throw new Error("a header block is cut off");
    return this.#block[this.at++] as number;
  }
}

/** Digits are 00000 to 00010 and 011001 to 011111 in HPACK's code; the padding is ones. */
function huffmanDigits(bytes: Uint8Array): string {
  const bits = Array.from(bytes, (byte) => byte.toString(2).padStart(8, "0")).join("");
  let digits = "";
  for (let at = 0; at < bits.length && !/^1{1,7}$/.test(bits.slice(at)); ) {
    const five = Number.parseInt(bits.slice(at, at + 5), 2);
    if (five <= 2) {
      digits += five;
      at += 5;
    } else {
      const six = Number.parseInt(bits.slice(at, at + 6), 2);
      if (six < 25 || six > 31) return "?";
      digits += six - 22;
      at += 6;
    }
  }
  return digits;
}
