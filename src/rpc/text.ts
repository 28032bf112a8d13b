import { isIP, SocketAddress } from "node:net";
import type { FieldViolation } from "../errors.ts";
import { entryLimits } from "../limits.ts";
import type { Json, JsonObject } from "../log/entry.ts";

/** Collects what is wrong with a request, field by field. */
export class Violations {
  readonly found: FieldViolation[] = [];

  add(field: string, description: string): void {
    this.found.push({ field, description });
  }

  /** Checks a text: well-formed Unicode without NUL, at most so many bytes of UTF-8. */
  text(field: string, text: string, maxBytes: number = entryLimits.textBytes): void {
    if (!text.isWellFormed())
      this.add(field, "must be well-formed Unicode (it has a lone surrogate)");
    else if (text.includes("\0")) this.add(field, "must not contain the NUL character");
    else if (Buffer.byteLength(text) > maxBytes) {
      this.add(field, `must be at most ${maxBytes} bytes of UTF-8`);
    }
  }

  /** The same, and not empty. */
  requiredText(field: string, text: string): void {
    if (text === "") this.add(field, "is required");
    else this.text(field, text);
  }

  /** Lower-case words with `_` inside and `.` between. */
  words(field: string, text: string): void {
    if (text === "") this.add(field, "is required");
    else if (Buffer.byteLength(text) > entryLimits.textBytes) this.text(field, text);
    else if (!/^[a-z][a-z0-9]*(_[a-z0-9]+)*(\.[a-z][a-z0-9]*(_[a-z0-9]+)*)*$/.test(text)) {
      this.add(field, "must be lower-case words, with _ inside a word and . between words");
    }
  }
}

/** An address in the form PostgreSQL writes it, or undefined if it is none it takes. */
export function canonicalAddress(text: string): string | undefined {
  // A zone (fe80::1%eth0) passes isIP and is nothing to store.
  if (text.includes("%")) return undefined;
  const family = isIP(text);
  if (family === 4) return text;
  return family === 6 ? new SocketAddress({ address: text, family: "ipv6" }).address : undefined;
}

/**
 * Checks metadata and gives it back as it will be read from the database: negative zero is zero.
 *
 * Its size is that of the JSON text PostgreSQL stores: numbers in full decimal notation, a space
 * after each colon and comma.
 */
export function checkMetadata(
  field: string,
  metadata: JsonObject,
  violations: Violations,
): JsonObject {
  const before = violations.found.length;
  const { value, bytes } = measure(metadata, 1, field, violations, before);
  if (violations.found.length === before && bytes > entryLimits.metadataBytes) {
    violations.add(field, `must be at most ${entryLimits.metadataBytes} bytes as stored JSON text`);
  }
  return value as JsonObject;
}

function measure(
  value: Json,
  depth: number,
  field: string,
  violations: Violations,
  before: number,
): { value: Json; bytes: number } {
  // One mistake is enough: a hostile tree is not walked to its end.
  if (violations.found.length > before) return { value: null, bytes: 0 };
  if (typeof value === "string") {
    violations.text(field, value, entryLimits.metadataBytes);
    return { value, bytes: Buffer.byteLength(JSON.stringify(value)) };
  }
  if (typeof value === "number") {
    if (!Number.isFinite(value)) violations.add(field, "must hold finite numbers only");
    return { value: value + 0, bytes: decimalLength(value) };
  }
  if (typeof value !== "object" || value === null) return { value, bytes: String(value).length };
  if (depth > entryLimits.metadataDepth) {
    violations.add(field, `must be at most ${entryLimits.metadataDepth} levels deep`);
    return { value: null, bytes: 0 };
  }
  // Every item is followed by a comma and a space but the last.
  let bytes = 2;
  if (isArray(value)) {
    const items = value.map((item) => {
      const part = measure(item, depth + 1, field, violations, before);
      bytes += part.bytes + 2;
      return part.value;
    });
    return { value: items, bytes: items.length === 0 ? bytes : bytes - 2 };
  }
  const members: [string, Json][] = [];
  for (const [key, member] of Object.entries(value)) {
    violations.text(field, key, entryLimits.metadataBytes);
    const part = measure(member, depth + 1, field, violations, before);
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
