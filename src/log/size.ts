import type { Entry, Json, NewEntry } from "./entry.ts";

/**
 * Times, hashes, prefixes and tags that an encoded entry has besides its texts: an upper bound.
 */
const fixedBytes = 320;
/** Tag and length of a field or of a value in a `google.protobuf.Struct`: an upper bound. */
const frameBytes = 8;

/**
 * An upper bound, close to it, of an entry's size in bytes as an encoded `AuditEntry`. Queues,
 * pages and messages are bounded by it.
 */
export function encodedBytes(entry: Omit<NewEntry | Entry, "bytes">): number {
  const { details } = entry;
  let bytes = fixedBytes;
  for (const text of [
    entry.recorder.id,
    entry.actor.id,
    entry.resource?.type,
    entry.resource?.id,
    entry.action,
    details.actorName,
    details.resourceName,
    details.ipAddress,
    details.userAgent,
    details.requestId,
    details.traceId,
  ]) {
    if (text !== undefined) bytes += Buffer.byteLength(text);
  }
  return details.metadata === undefined ? bytes : bytes + structBytes(details.metadata);
}

function structBytes(value: Json): number {
  if (typeof value === "string") return frameBytes + Buffer.byteLength(value);
  if (typeof value === "number") return 11;
  if (typeof value !== "object" || value === null) return 4;
  let bytes = frameBytes;
  if (Array.isArray(value)) {
    for (const item of value) bytes += structBytes(item);
  } else {
    for (const [key, member] of Object.entries(value)) {
      bytes += frameBytes + Buffer.byteLength(key) + structBytes(member);
    }
  }
  return bytes;
}

/** The first of the entries that together weigh at most `bytes`; at least one, if there is one. */
export function bounded(entries: readonly Entry[], bytes: number): readonly Entry[] {
  let sum = 0;
  const end = entries.findIndex((entry, index) => {
    sum += entry.bytes;
    return index > 0 && sum > bytes;
  });
  return end === -1 ? entries : entries.slice(0, end);
}
