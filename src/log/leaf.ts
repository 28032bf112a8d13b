import type { Details, Entry } from "./entry.ts";
import { CanonicalWriter } from "./jcs.ts";
import type { Sha256 } from "./merkle.ts";

/** Bytes of a details salt. */
export const saltBytes = 32;

const leafPrefix = Uint8Array.of(0);

/** The parts of a recorded entry that its leaf states; the position is proved, not stated. */
export type LeafFields = Omit<
  Entry,
  "sequence" | "detailsState" | "detailsSalt" | "leafHash" | "details" | "bytes"
>;

/** Serves all texts, one after another. */
const writer = new CanonicalWriter();

/**
 * The digest that commits to the details: SHA-256 of the salt followed by the details' canonical
 * JSON, by their wire names and nested as on the wire; `{}` when there are none. 32 bytes.
 */
export function detailsDigest(sha256: Sha256, salt: Uint8Array, details: Details): Uint8Array {
  writer.reset();
  writer.bytes(salt);
  writeDetails(details);
  return sha256(writer.written());
}

/**
 * The RFC 6962 leaf hash of an entry: SHA-256 of a zero byte and the entry's canonical JSON,
 * leaf format version 1. A pure function of what the API returns. 32 bytes.
 */
export function leafHash(sha256: Sha256, entry: LeafFields): Uint8Array {
  writer.reset();
  writer.bytes(leafPrefix);
  writeLeaf(entry);
  return sha256(writer.written());
}

/** The canonical JSON (RFC 8785) that a details digest is taken of, behind the salt. */
export function detailsText(details: Details): string {
  writer.reset();
  writeDetails(details);
  return writer.text();
}

/** The canonical JSON (RFC 8785) that an entry's leaf hash is taken of. */
export function leafText(entry: LeafFields): string {
  writer.reset();
  writeLeaf(entry);
  return writer.text();
}

// Both are written out, their keys in order: by way of an object they took four times as long. Words of
// closed sets, UUIDs and times have nothing that JSON escapes.

function writeLeaf(entry: LeafFields): void {
  const { resource, occurTime } = entry;
  writer.ascii('{"action":');
  writer.string(entry.action);
  writer.ascii(',"actor":');
  writeParty(entry.actor);
  writer.ascii(',"details":"');
  writer.base64url(entry.detailsDigest);
  writer.ascii('","id":"log-');
  writer.ascii(entry.id);
  if (occurTime !== undefined) {
    writer.ascii('","occur_time":"');
    writer.time(occurTime);
  }
  writer.ascii('","record_time":"');
  writer.time(entry.recordTime);
  writer.ascii('","recorder":');
  writeParty(entry.recorder);
  if (resource !== undefined) {
    writer.ascii(',"resource":');
    writeMember(writeMember("{", '"id":', resource.id), '"type":', resource.type);
    writer.ascii("}");
  }
  writer.ascii(',"scope":"');
  writer.ascii(entry.scope);
  writer.ascii('","status":"');
  writer.ascii(entry.status);
  writer.ascii('","team_id":"team-');
  writer.ascii(entry.teamId);
  writer.ascii('","v":1}');
}

/** An actor or a recorder, whose type is a word of a closed set. */
function writeParty({ id, type }: { readonly id: string; readonly type: string }): void {
  writer.ascii('{"id":');
  writer.string(id);
  writer.ascii(',"type":"');
  writer.ascii(type);
  writer.ascii('"}');
}

/** The details by their wire names. */
function writeDetails(details: Details): void {
  const { actorName, resourceName, metadata } = details;
  let before: Before = "{";
  if (actorName !== undefined) {
    writer.ascii('{"actor":{"name":');
    writer.string(actorName);
    writer.ascii("}");
    before = ",";
  }
  before = writeContext(before, details);
  if (metadata !== undefined) {
    writer.ascii(before);
    writer.ascii('"metadata":');
    writer.json(metadata);
    before = ",";
  }
  if (resourceName !== undefined) {
    writer.ascii(before);
    writer.ascii('"resource":{"name":');
    writer.string(resourceName);
    writer.ascii("}");
    before = ",";
  }
  writer.ascii(before === "{" ? "{}" : "}");
}

function writeContext(before: Before, details: Details): Before {
  const { ipAddress, requestId, traceId, userAgent } = details;
  const some = ipAddress ?? requestId ?? traceId ?? userAgent;
  if (some === undefined) return before;
  writer.ascii(before);
  writer.ascii('"context":');
  let within: Before = "{";
  within = writeMember(within, '"ip_address":', ipAddress);
  within = writeMember(within, '"request_id":', requestId);
  within = writeMember(within, '"trace_id":', traceId);
  writeMember(within, '"user_agent":', userAgent);
  writer.ascii("}");
  return ",";
}

/** What stands before a member of an object: whether it is the first one. */
type Before = "{" | ",";

/** A member with text, unless that is undefined; returns what stands before the next one. */
function writeMember(before: Before, key: string, text: string | undefined): Before {
  if (text === undefined) return before;
  writer.ascii(before);
  writer.ascii(key);
  writer.string(text);
  return ",";
}
