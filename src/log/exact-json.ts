/**
 * Parses JSON whose keys must be those that stand there; throws SyntaxError.
 *
 * JSON.parse is not to be trusted with that: V8 reads an escaped key such as `"\n"` as `\` where it has
 * seen an object with the key `\` in that place before (nodejs/node#63785, in Node 24 and 26), so that
 * one team's metadata could change how another's is read. Keys without escapes, and strings alone, it
 * reads rightly; so escaped keys are taken out before and put back after.
 */
export function parseExactJson(text: string): unknown {
  if (!text.includes("\\")) return JSON.parse(text);
  let mark = "\ue000";
  while (text.includes(mark)) mark += "\ue000";
  const keys = new Map<string, string>();
  const safe = text.replace(strings, (found, literal: string, colon: string | undefined) => {
    if (colon === undefined || !literal.includes("\\")) return found;
    const stand = `${mark}${keys.size}`;
    keys.set(stand, JSON.parse(literal));
    return `"${stand}"${colon}`;
  });
  return keys.size === 0 ? JSON.parse(text) : withKeys(JSON.parse(safe), keys);
}

/** Strings, and whether a colon makes them keys. */
const strings = /("(?:[^"\\]|\\.)*")([ \t\r\n]*:)?/gs;

function withKeys(value: unknown, keys: ReadonlyMap<string, string>): unknown {
  if (typeof value !== "object" || value === null) return value;
  if (Array.isArray(value)) return value.map((item) => withKeys(item, keys));
  return Object.fromEntries(
    Object.entries(value).map(([key, member]) => [keys.get(key) ?? key, withKeys(member, keys)]),
  );
}
