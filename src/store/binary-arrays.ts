/** The object ids of the types whose arrays are written here: part of PostgreSQL's interface. */
const oids = { bytea: 17, bigint: 20, text: 25, timestamptz: 1184, uuid: 2950 } as const;

/** Types whose arrays can be written. */
export type ElementType = keyof typeof oids;

/** Milliseconds from the Unix epoch to PostgreSQL's, the beginning of 2000. */
const epochMs = 946_684_800_000;
const headBytes = 20;
const two32 = 2 ** 32;

/** The values of hexadecimal digits, by their character codes. */
const digits = new Uint8Array(128);
for (let value = 0; value < 16; value++) digits[value.toString(16).charCodeAt(0)] = value;

/**
 * Writes arrays of values in PostgreSQL's binary format, one array after another, which the driver sends
 * as they are: as text each element would be quoted here and parsed there, which took both of them longer
 * than all the rest of an insert.
 */
export class BinaryArrays {
  #buffer = Buffer.allocUnsafe(64 * 1024);
  #at = 0;
  #starts: number[] = [];

  /** Begins an array of so many elements, one at least. */
  begin(type: ElementType, length: number): void {
    this.#need(headBytes);
    this.#starts.push(this.#at);
    this.#int32(1);
    // There may be NULLs. Nothing is lost if there are none.
    this.#int32(1);
    this.#int32(oids[type]);
    this.#int32(length);
    this.#int32(1);
  }

  /** A text; undefined is NULL. */
  text(value: string | undefined): void {
    if (value === undefined) {
      this.#null();
      return;
    }
    this.#need(4 + 3 * value.length);
    const written = this.#buffer.write(value, this.#at + 4, "utf8");
    this.#int32(written);
    this.#at += written;
  }

  /** A bytea; undefined is NULL. */
  bytea(value: Uint8Array | undefined): void {
    if (value === undefined) {
      this.#null();
      return;
    }
    this.#need(4 + value.length);
    this.#int32(value.length);
    this.#buffer.set(value, this.#at);
    this.#at += value.length;
  }

  /** A bigint. */
  bigint(value: bigint): void {
    this.#need(12);
    this.#int32(8);
    this.#at = this.#buffer.writeBigInt64BE(value, this.#at);
  }

  /** A timestamptz, by whole milliseconds since the Unix epoch; undefined is NULL. */
  timestamptz(millis: number | undefined): void {
    if (millis === undefined) {
      this.#null();
      return;
    }
    const micros = (millis - epochMs) * 1_000;
    if (!Number.isSafeInteger(micros)) {
      this.bigint(BigInt(millis - epochMs) * 1_000n);
      return;
    }
    this.#need(12);
    this.#int32(8);
    const high = Math.floor(micros / two32);
    this.#int32(high);
    this.#int32(micros - high * two32);
  }

  /** A uuid, lower-case and hyphenated. */
  uuid(value: string): void {
    this.#need(20);
    this.#int32(16);
    for (let i = 0; i < 36; i += 2) {
      // A hyphen stands behind every 8, 13, 18 and 23 characters.
      if (value.charCodeAt(i) === 45) i += 1;
      const high = digits[value.charCodeAt(i)] as number;
      this.#buffer[this.#at++] = (high << 4) | (digits[value.charCodeAt(i + 1)] as number);
    }
  }

  /** The arrays, in memory of their own; the next ones are begun anew. */
  finish(): Buffer[] {
    const all = Buffer.allocUnsafeSlow(this.#at);
    this.#buffer.copy(all, 0, 0, this.#at);
    const starts = this.#starts;
    const arrays = starts.map((start, i) => all.subarray(start, starts[i + 1]));
    this.reset();
    return arrays;
  }

  /** Forgets what was written. */
  reset(): void {
    this.#at = 0;
    this.#starts = [];
    if (this.#buffer.length > 4 * 1024 * 1024) this.#buffer = Buffer.allocUnsafe(64 * 1024);
  }

  #null(): void {
    this.#need(4);
    this.#int32(-1);
  }

  #int32(value: number): void {
    const buffer = this.#buffer;
    buffer[this.#at] = value >>> 24;
    buffer[this.#at + 1] = value >>> 16;
    buffer[this.#at + 2] = value >>> 8;
    buffer[this.#at + 3] = value;
    this.#at += 4;
  }

  #need(bytes: number): void {
    const { length } = this.#buffer;
    if (this.#at + bytes <= length) return;
    const larger = Buffer.allocUnsafe(2 * Math.max(length, this.#at + bytes));
    this.#buffer.copy(larger, 0, 0, this.#at);
    this.#buffer = larger;
  }
}
