import type { AuditEntry } from "../../gen/audit/v1/entry_pb.ts";
import { entryLimits } from "../limits.ts";
import { newEntryId } from "./entry-id.ts";
import { EntryJsonError, entryFromJson } from "./entry-json.ts";
import { plainValue, TooManyValues } from "./metadata/plain-value.ts";
import { defaultRedaction } from "./metadata/redact.ts";
import { type RedactedField, type Redaction, redacted } from "./metadata/redaction.ts";
import type { NewEntry } from "./new-entry.ts";

/** What surrounds the call: it is read for what the entry leaves out. */
export interface EntrySurroundings {
  readonly actor?: NewEntry["actor"] | undefined;
  readonly teamId?: NewEntry["teamId"] | undefined;
  readonly context?: NewEntry["context"] | undefined;
}

/**
 * An entry for the wire, redacted, with an id and a time of its own if it has none. Strict: whoever waits
 * for an answer is told what is wrong, where a recorder amends and goes on.
 *
 * @throws EntryJsonError naming the field.
 */
export function newEntryMessage(
  entry: NewEntry,
  around: EntrySurroundings = {},
  redaction: Redaction = defaultRedaction(),
): AuditEntry {
  if (typeof entry !== "object" || entry === null) {
    throw new EntryJsonError("entry: must be an object");
  }
  const { id = newEntryId(), metadata, occurTime = new Date(), ...rest } = entry;
  if (!(occurTime instanceof Date) || Number.isNaN(occurTime.getTime())) {
    throw new EntryJsonError("occurTime: must be a valid Date");
  }
  return entryFromJson({
    ...present(rest),
    ...present({
      actor: withoutSecrets("actor", present(rest.actor ?? around.actor), redaction),
      teamId: rest.teamId ?? around.teamId,
      resource: withoutSecrets("resource", present(rest.resource), redaction),
      context: withoutSecrets(
        "context",
        surroundedContext(rest.context, around.context),
        redaction,
      ),
      metadata: metadata === undefined ? undefined : plainMetadata(metadata, redaction),
    }),
    id,
    occurTime: occurTime.toISOString(),
  });
}

function surroundedContext(own: NewEntry["context"], around: NewEntry["context"]) {
  if (own !== undefined && typeof own !== "object") return own;
  const context = { ...around, ...present(own) };
  return Object.keys(context).length > 0 ? context : undefined;
}

/** Without what is undefined. */
function present<Part>(part: Part): Part | object {
  if (typeof part !== "object" || part === null || Array.isArray(part)) return part;
  return Object.fromEntries(Object.entries(part).filter(([, value]) => value !== undefined));
}

/** With what the rules name redacted; an address is left out, since none would be left. */
function withoutSecrets(path: string, part: unknown, redaction: Redaction): unknown {
  if (typeof part !== "object" || part === null || Array.isArray(part)) return part;
  const isSecret = (name: string) => redaction.has(`${path}.${name}` as RedactedField);
  return Object.fromEntries(
    Object.entries(part)
      .filter(([name]) => !(name === "ipAddress" && isSecret(name)))
      .map(([name, value]) => [name, value !== "" && isSecret(name) ? redacted : value]),
  );
}

/** The same JSON that a recorder makes of it, where that leaves nothing out. */
function plainMetadata(metadata: unknown, redaction: Redaction): unknown {
  const notes: string[] = [];
  try {
    const value = plainValue(metadata, {
      maxDepth: entryLimits.metadataDepth,
      maxValues: entryLimits.encodedBytes / 2,
      place: redaction.root,
      onNote: (path, what) => notes.push(`metadata${path && "."}${path}: is ${what}`),
    });
    if (notes[0] === undefined) return value;
  } catch (cause) {
    if (!(cause instanceof TooManyValues)) throw cause;
    throw new EntryJsonError("metadata: has too many values", { cause });
  }
  throw new EntryJsonError(notes[0]);
}
