/** What the texts and the metadata of an entry must be. Pure functions, for the server and for tests. */
import type { Json, JsonObject } from "./entry.ts";

/** What is wrong with a text, or undefined: well-formed Unicode without NUL, at most so many bytes. */
export function textMistake(text: string, maxBytes: number): string | undefined {
  if (!text.isWellFormed()) return "must be well-formed Unicode (it has a lone surrogate)";
  if (text.includes("\0")) return "must not contain the NUL character";
  if (Buffer.byteLength(text) > maxBytes) return `must be at most ${maxBytes} bytes of UTF-8`;
  return undefined;
}

/** What is wrong with lower-case words that have `_` inside and `.` between, or undefined. */
export function wordsMistake(text: string, maxBytes: number): string | undefined {
  if (text === "") return "is required";
  if (Buffer.byteLength(text) > maxBytes) return textMistake(text, maxBytes);
  if (/^[a-z][a-z0-9]*(_[a-z0-9]+)*(\.[a-z][a-z0-9]*(_[a-z0-9]+)*)*$/.test(text)) return undefined;
  return "must be lower-case words, with _ inside a word and . between words";
}

/** How large metadata may be. */
export interface MetadataLimits {
  /** Of the JSON text that PostgreSQL stores, and of any text in it. */
  readonly metadataBytes: number;
  readonly metadataDepth: number;
}

/** Metadata as it will be read from the database (negative zero is zero), or what is wrong with it. */
export type CheckedMetadata =
  | { readonly metadata: JsonObject; readonly mistake?: undefined }
  | { readonly mistake: string };

/**
 * Checks metadata. Its size is that of the JSON text PostgreSQL stores: numbers in full decimal
 * notation, a space after each colon and comma.
 */
export function checkedMetadata(metadata: JsonObject, limits: MetadataLimits): CheckedMetadata {
  const found: { mistake?: string } = {};
  const { value, bytes } = measure(metadata, 1, limits, found);
  if (found.mistake !== undefined) return { mistake: found.mistake };
  return bytes > limits.metadataBytes
    ? { mistake: `must be at most ${limits.metadataBytes} bytes as stored JSON text` }
    : { metadata: value as JsonObject };
}

/** Bytes of a value of metadata as the JSON text that PostgreSQL stores. */
export function storedBytes(value: Json): number {
  return measure(value, 1, { metadataBytes: Infinity, metadataDepth: Infinity }, {}).bytes;
}

function measure(
  value: Json,
  depth: number,
  limits: MetadataLimits,
  found: { mistake?: string },
): { value: Json; bytes: number } {
  const refuse = (mistake: string | undefined) => {
    if (mistake !== undefined) found.mistake ??= mistake;
  };
  // One mistake is enough: a hostile tree is not walked to its end.
  if (found.mistake !== undefined) return { value: null, bytes: 0 };
  if (typeof value === "string") {
    refuse(textMistake(value, limits.metadataBytes));
    return { value, bytes: Buffer.byteLength(JSON.stringify(value)) };
  }
  if (typeof value === "number") {
    if (!Number.isFinite(value)) refuse("must hold finite numbers only");
    return { value: value + 0, bytes: decimalLength(value) };
  }
  if (typeof value !== "object" || value === null) return { value, bytes: String(value).length };
  if (depth > limits.metadataDepth) {
    refuse(`must be at most ${limits.metadataDepth} levels deep`);
    return { value: null, bytes: 0 };
  }
  // Every item is followed by a comma and a space but the last.
  let bytes = 2;
  if (isArray(value)) {
    const items = value.map((item) => {
      const part = measure(item, depth + 1, limits, found);
      bytes += part.bytes + 2;
      return part.value;
    });
    return { value: items, bytes: items.length === 0 ? bytes : bytes - 2 };
  }
  const members: [string, Json][] = [];
  for (const [key, member] of Object.entries(value)) {
    refuse(textMistake(key, limits.metadataBytes));
    const part = measure(member, depth + 1, limits, found);
    bytes += Buffer.byteLength(JSON.stringify(key)) + part.bytes + 4;
    members.push([key, part.value]);
  }
  return {
    value: Object.fromEntries(members),
    bytes: members.length === 0 ? bytes : bytes - 2,
  };
}

function isArray(value: Json): value is readonly Json[] {
  return Array.isArray(value);
}

/** The length of a number in decimal notation without an exponent. */
function decimalLength(number: number): number {
  const [mantissa = "", exponentText] = String(number).split("e");
  if (exponentText === undefined) return mantissa.length;
  const digits = mantissa.replace(/[-.]/g, "").length;
  const exponent = Number(exponentText);
  const sign = mantissa.startsWith("-") ? 1 : 0;
  return exponent < 0 ? sign + 1 - exponent + digits : sign + Math.max(exponent + 1, digits);
}
