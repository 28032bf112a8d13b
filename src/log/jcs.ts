import { writeBase64url } from "./base64.ts";
import type { Json, Millis } from "./entry.ts";

const encoder = new TextEncoder();
const decoder = new TextDecoder();
const [quote, backslash, zero, colon, dot, z] = [0x22, 0x5c, 0x30, 0x3a, 0x2e, 0x5a] as const;
const dayMs = 86_400_000;
/** The time of a day as `Date` writes it, without the T before it. */
const midnight = "00:00:00.000Z";
const initialBytes = 16 * 1024;
/** Of a writer that is used again; more than that, which a large value took, is given back. */
const keptBytes = 1024 * 1024;

/** Up to so many characters a loop over them is sooner done than the engine's JSON and encoder. */
const byHandLength = 100;

interface Day {
  readonly start: Millis;
  readonly text: string;
}

/**
 * Canonical JSON by RFC 8785 (JCS): keys sorted by UTF-16 code units, no white space, strings
 * and numbers as ECMAScript writes them. Members that are undefined are left out.
 *
 * The value must be free of lone surrogates; the codec sees to it.
 *
 * @throws RangeError for NaN and the infinities, which would pass for null.
 */
export function canonicalJson(value: Json): string {
  writer.reset();
  writer.json(value);
  return writer.text();
}

/**
 * Writes canonical JSON as bytes of UTF-8, to be hashed: as text, put together of pieces and encoded, it
 * took half as long again, and a third of the memory that recording asks for (docs/performance.md).
 */
export class CanonicalWriter {
  #bytes = new Uint8Array(initialBytes);
  #at = 0;
  /** The days of the last times, the latest first: entries are recorded on one and may be of another. */
  #days: Day[] = [];

  /** Forgets what was written. */
  reset(): void {
    this.#at = 0;
    if (this.#bytes.length > keptBytes) this.#bytes = new Uint8Array(initialBytes);
  }

  /** Bytes, as they are. */
  bytes(bytes: Uint8Array): void {
    this.#need(bytes.length);
    this.#bytes.set(bytes, this.#at);
    this.#at += bytes.length;
  }

  /** Text of ASCII, as it is. */
  ascii(text: string): void {
    const { length } = text;
    this.#need(length);
    const bytes = this.#bytes;
    let at = this.#at;
    for (let i = 0; i < length; i++) bytes[at++] = text.charCodeAt(i);
    this.#at = at;
  }

  /** A string, in quotes. */
  string(text: string): void {
    const { length } = text;
    if (length > byHandLength) {
      this.#encoded(JSON.stringify(text));
      return;
    }
    this.#need(length + 2);
    const bytes = this.#bytes;
    let at = this.#at;
    bytes[at++] = quote;
    for (let i = 0; i < length; i++) {
      const code = text.charCodeAt(i);
      // Of most text JSON escapes nothing, and all is ASCII.
      if (code < 0x20 || code > 0x7e || code === quote || code === backslash) {
        this.#encoded(JSON.stringify(text));
        return;
      }
      bytes[at++] = code;
    }
    bytes[at++] = quote;
    this.#at = at;
  }

  /** A time as `Date` writes it, without quotes, by its milliseconds since the Unix epoch. */
  time(time: Millis): void {
    const start = Math.floor(time / dayMs) * dayMs;
    this.ascii(this.#dayText(start));
    this.#need(midnight.length);
    const seconds = Math.floor((time - start) / 1_000);
    const millis = time - start - 1_000 * seconds;
    this.#digits(Math.floor(seconds / 3_600), 10, colon);
    this.#digits(Math.floor(seconds / 60) % 60, 10, colon);
    this.#digits(seconds % 60, 10, dot);
    this.#digits(millis, 100, z);
  }

  /** Bytes as base64url without padding and quotes. */
  base64url(bytes: Uint8Array): void {
    this.#need(2 * bytes.length + 2);
    this.#at = writeBase64url(bytes, this.#bytes, this.#at);
  }

  /** Any value. Throws as {@link canonicalJson} does. */
  json(value: Json): void {
    if (typeof value === "string") this.string(value);
    else if (typeof value !== "object" || value === null) this.ascii(scalarText(value));
    else if (isArray(value)) this.#array(value);
    else this.#object(value);
  }

  /** What was written, until more is. */
  written(): Uint8Array {
    return this.#bytes.subarray(0, this.#at);
  }

  /** What was written, as text. */
  text(): string {
    return decoder.decode(this.written());
  }

  #array(values: readonly Json[]): void {
    this.ascii("[");
    for (let i = 0; i < values.length; i++) {
      if (i > 0) this.ascii(",");
      this.json(values[i] as Json);
    }
    this.ascii("]");
  }

  #object(value: { readonly [key: string]: Json }): void {
    let before = "{";
    for (const key of sortedKeys(value)) {
      const member = value[key];
      if (member === undefined) continue;
      this.ascii(before);
      this.string(key);
      this.ascii(":");
      this.json(member);
      before = ",";
    }
    this.ascii(before === "{" ? "{}" : "}");
  }

  /** A day as `Date` writes it, with the T behind it, by its start. */
  #dayText(start: Millis): string {
    const [latest, other] = this.#days;
    if (latest?.start === start) return latest.text;
    const text =
      other?.start === start
        ? other.text
        : new Date(start).toISOString().slice(0, -midnight.length);
    this.#days = latest === undefined ? [{ start, text }] : [{ start, text }, latest];
    return text;
  }

  /** The digits of a number from that of its highest one's value on, and the character behind them. */
  #digits(number: number, highest: number, behind: number): void {
    let rest = number;
    for (let value = highest; value >= 1; value /= 10) {
      const digit = Math.floor(rest / value);
      this.#bytes[this.#at++] = zero + digit;
      rest -= digit * value;
    }
    this.#bytes[this.#at++] = behind;
  }

  #encoded(text: string): void {
    this.#need(3 * text.length);
    this.#at += encoder.encodeInto(text, this.#bytes.subarray(this.#at)).written;
  }

  #need(bytes: number): void {
    const { length } = this.#bytes;
    if (this.#at + bytes <= length) return;
    const larger = new Uint8Array(2 * (this.#at + bytes));
    larger.set(this.#bytes.subarray(0, this.#at));
    this.#bytes = larger;
  }
}

const writer = new CanonicalWriter();

function scalarText(value: number | boolean | null): string {
  if (typeof value === "number" && !Number.isFinite(value)) {
    throw new RangeError(`JSON has no number ${value}`);
  }
  return JSON.stringify(value);
}

/** Most objects have few keys, often in order: looking costs less than sorting. */
function sortedKeys(value: object): string[] {
  const keys = Object.keys(value);
  let last = "";
  for (const key of keys) {
    if (key < last) return keys.sort();
    last = key;
  }
  return keys;
}

function isArray(value: Json): value is readonly Json[] {
  return Array.isArray(value);
}
