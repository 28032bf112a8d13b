/** JSON that a person or a program hands to the CLI. */
import { parseExactJson } from "../log/exact-json.ts";

/**
 * Parses JSON; throws SyntaxError. Numbers become doubles, so an integer that a double cannot hold
 * is refused instead of being recorded as another one.
 */
export function parseJson(text: string): unknown {
  JSON.parse(text, ((_key, value: unknown, context?: { source?: string }) => {
    const source = context?.source ?? "";
    if (typeof value === "number" && /^-?\d+$/.test(source) && !Number.isSafeInteger(value)) {
      throw new SyntaxError(`${source} is too large for a JSON number: send it as a string`);
    }
    return value;
  }) as (key: string, value: unknown) => unknown);
  return parseExactJson(text);
}
