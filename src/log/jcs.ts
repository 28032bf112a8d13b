import type { Json } from "./entry.ts";

const encoder = new TextEncoder();
const quote = 0x22;
const backslash = 0x5c;

const initialBytes = 1_024;
/** More than that, which a large text took, does not wait for the next one. */
const keptBytes = 262_144;

/** Up to so many characters a loop over them is sooner done than the engine's JSON and encoder. */
const byHandLength = 128;

/**
 * Canonical JSON by RFC 8785 (JCS): keys sorted by UTF-16 code units, no white space, strings
 * and numbers as ECMAScript writes them. Members that are undefined are left out.
 *
 * The value must be free of lone surrogates; the codec sees to it.
 *
 * @throws RangeError for NaN and the infinities, which would pass for null.
 */
export function canonicalJson(value: Json): string {
  const writer = new CanonicalWriter();
  writer.json(value);
  return new TextDecoder().decode(writer.written());
}

/**
 * Writes canonical JSON as bytes of UTF-8, to be hashed: put together as text and encoded, it takes longer
 * and more memory (docs/performance.md). Its own memory grows with a text, and is given back if it is much.
 */
export class CanonicalWriter {
  #bytes = new Uint8Array(initialBytes);
  #at = 0;

  /** Forgets what was written, and begins with bytes as they are. */
  start(prefix: Uint8Array): void {
    if (this.#bytes.length > keptBytes) this.#bytes = new Uint8Array(initialBytes);
    this.#at = 0;
    this.#need(prefix.length);
    this.#bytes.set(prefix);
    this.#at = prefix.length;
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
    if (text.length <= byHandLength && this.#plainString(text)) return;
    const json = JSON.stringify(text);
    this.#need(3 * json.length);
    this.#at += encoder.encodeInto(json, this.#bytes.subarray(this.#at)).written;
  }

  /** Any value. Throws as {@link canonicalJson} does. */
  json(value: Json): void {
    if (typeof value === "string") this.string(value);
    else if (typeof value !== "object" || value === null) this.ascii(scalarText(value));
    else if (isArray(value)) {
      let before = "[";
      for (const each of value) {
        this.ascii(before);
        this.json(each);
        before = ",";
      }
      this.ascii(before === "[" ? "[]" : "]");
    } else {
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
  }

  /** What was written, until more is. */
  written(): Uint8Array {
    return this.#bytes.subarray(0, this.#at);
  }

  /** As most text is: ASCII of which JSON escapes nothing. Otherwise writes nothing and answers false. */
  #plainString(text: string): boolean {
    const { length } = text;
    this.#need(length + 2);
    const bytes = this.#bytes;
    let at = this.#at;
    bytes[at++] = quote;
    for (let i = 0; i < length; i++) {
      const code = text.charCodeAt(i);
      if (code < 0x20 || code > 0x7e || code === quote || code === backslash) return false;
      bytes[at++] = code;
    }
    bytes[at++] = quote;
    this.#at = at;
    return true;
  }

  #need(bytes: number): void {
    const least = this.#at + bytes;
    if (least <= this.#bytes.length) return;
    const larger = new Uint8Array(2 * least);
    larger.set(this.#bytes);
    this.#bytes = larger;
  }
}

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
