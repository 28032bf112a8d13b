import type { Json } from "./entry.ts";

/**
 * Canonical JSON by RFC 8785 (JCS): keys sorted by UTF-16 code units, no white space, strings
 * and numbers as ECMAScript writes them. Members that are undefined are left out.
 *
 * The value must be free of lone surrogates; the codec sees to it.
 *
 * @throws RangeError for NaN and the infinities, which would pass for null.
 */
export function canonicalJson(value: Json): string {
  if (typeof value === "number" && !Number.isFinite(value)) {
    throw new RangeError(`JSON has no number ${value}`);
  }
  if (typeof value !== "object" || value === null) return JSON.stringify(value);
  if (isArray(value)) return `[${value.map(canonicalJson).join(",")}]`;
  let members = "";
  for (const key of sortedKeys(value)) {
    const member = value[key];
    if (member === undefined) continue;
    members += `${members && ","}${JSON.stringify(key)}:${canonicalJson(member)}`;
  }
  return `{${members}}`;
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
