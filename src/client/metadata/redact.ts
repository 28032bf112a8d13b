/** A copy without secrets. */
import { type PlainValue, plainValue, TooManyValues } from "./plain-value.ts";
import { compileRedaction, type Redaction } from "./redaction.ts";

let defaults: Redaction | undefined;

/** The rules of a recorder that is given none: the default words. */
export function defaultRedaction(): Redaction {
  defaults ??= compileRedaction();
  return defaults;
}

/**
 * A copy of the value as JSON has it, with `[redacted]` in the place of what the rules name. Recorders do
 * this to metadata by themselves; this is for what goes elsewhere, as to a log. Never throws; undefined
 * for what JSON does not have (functions, symbols), a note for more than a million values.
 */
export function redact(
  value: unknown,
  redaction: Redaction = defaultRedaction(),
): PlainValue | undefined {
  try {
    return plainValue(value, { place: redaction.root });
  } catch (error) {
    if (error instanceof TooManyValues) return "[too many values]";
    throw error;
  }
}
