import { isIP, SocketAddress } from "node:net";
import type { FieldViolation } from "../errors.ts";
import { entryLimits } from "../limits.ts";
import type { JsonObject } from "../log/entry.ts";
import { checkedMetadata, textMistake, wordsMistake } from "../log/rules.ts";

/** Collects what is wrong with a request, field by field. */
export class Violations {
  readonly found: FieldViolation[] = [];

  add(field: string, description: string | undefined): void {
    if (description !== undefined) this.found.push({ field, description });
  }

  /** Checks a text: well-formed Unicode without NUL, at most so many bytes of UTF-8. */
  text(field: string, text: string, maxBytes: number = entryLimits.textBytes): void {
    this.add(field, textMistake(text, maxBytes));
  }

  /** The same, and not empty. */
  requiredText(field: string, text: string): void {
    if (text === "") this.add(field, "is required");
    else this.text(field, text);
  }

  /** Lower-case words with `_` inside and `.` between. */
  words(field: string, text: string): void {
    this.add(field, wordsMistake(text, entryLimits.textBytes));
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

/** Checks metadata and gives it back as it will be read from the database: negative zero is zero. */
export function checkMetadata(
  field: string,
  metadata: JsonObject,
  violations: Violations,
): JsonObject {
  const checked = checkedMetadata(metadata, entryLimits);
  if (checked.mistake === undefined) return checked.metadata;
  violations.add(field, checked.mistake);
  return {};
}
