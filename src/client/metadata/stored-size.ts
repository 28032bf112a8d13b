/** How large metadata is for the server, which counts the text that PostgreSQL stores. */
import type { PlainValue } from "./plain-value.ts";

/**
 * Bytes of the value as `jsonb` text: a space after each colon and comma, numbers in full decimal notation.
 */
export function storedBytes(value: PlainValue): number {
  if (typeof value === "string") return Buffer.byteLength(JSON.stringify(value));
  if (typeof value === "number") return decimalLength(value);
  if (value === null || typeof value === "boolean") return String(value).length;
  if (isList(value)) return value.reduce((bytes: number, item) => bytes + storedBytes(item) + 2, 2);
  return Object.entries(value).reduce(
    (bytes, [key, member]) => bytes + storedBytes(key) + storedBytes(member) + 4,
    2,
  );
}

function isList(value: PlainValue): value is readonly PlainValue[] {
  return Array.isArray(value);
}

/** The length of a number written out; a little more than that of a very small or large one. */
function decimalLength(number: number): number {
  const [mantissa = "", exponent] = String(number).split("e");
  return exponent === undefined
    ? mantissa.length
    : mantissa.length + Math.abs(Number(exponent)) + 2;
}
