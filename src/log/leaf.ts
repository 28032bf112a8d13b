import { base64url } from "./base64.ts";
import type { Details, Entry, Millis } from "./entry.ts";
import { CanonicalWriter } from "./jcs.ts";
import type { Sha256 } from "./merkle.ts";

/** Bytes of a details salt. */
export const saltBytes = 32;

const leafPrefix = Uint8Array.of(0);
const nothing = new Uint8Array();

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
  writer.start(salt);
  writeDetails(details);
  return sha256(writer.written());
}

/**
 * The RFC 6962 leaf hash of an entry: SHA-256 of a zero byte and the entry's canonical JSON,
 * leaf format version 1. A pure function of what the API returns. 32 bytes.
 */
export function leafHash(sha256: Sha256, entry: LeafFields): Uint8Array {
  writer.start(leafPrefix);
  writeLeaf(entry);
  return sha256(writer.written());
}

/** The canonical JSON (RFC 8785) that a details digest is taken of, behind the salt. */
export function detailsText(details: Details): string {
  writer.start(nothing);
  writeDetails(details);
  return new TextDecoder().decode(writer.written());
}

/** The canonical JSON (RFC 8785) that an entry's leaf hash is taken of. */
export function leafText(entry: LeafFields): string {
  writer.start(nothing);
  writeLeaf(entry);
  return new TextDecoder().decode(writer.written());
}

// Both are written out, their keys in order: by way of an object they take a seventh longer. Words of
// closed sets, UUIDs and times have nothing that JSON escapes.

function writeLeaf(entry: LeafFields): void {
  const { actor, occurTime, recorder, resource } = entry;
  writeText('{"action":', entry.action);
  writeText(',"actor":{"id":', actor.id);
  writeWord(',"type":"', actor.type);
  writeWord('"},"details":"', base64url(entry.detailsDigest));
  writeWord('","id":"log-', entry.id);
  if (occurTime !== undefined) writeWord('","occur_time":"', timeText(occurTime));
  writeWord('","record_time":"', recordTimeText(entry.recordTime));
  writeText('","recorder":{"id":', recorder.id);
  writeWord(',"type":"', recorder.type);
  writer.ascii('"}');
  if (resource !== undefined) {
    const before = writeMember(',"resource":{', '"id":', resource.id);
    writeMember(before, '"type":', resource.type);
    writer.ascii("}");
  }
  writeWord(',"scope":"', entry.scope);
  writeWord('","status":"', entry.status);
  writeWord('","team_id":"team-', entry.teamId);
  writer.ascii('","v":1}');
}

/** The details by their wire names. */
function writeDetails(details: Details): void {
  const { metadata } = details;
  let before = writeMember("{", '"actor":{"name":', details.actorName, "}");
  const context = before === "," ? ',"context":{' : '{"context":{';
  let within = writeMember(context, '"ip_address":', details.ipAddress);
  within = writeMember(within, '"request_id":', details.requestId);
  within = writeMember(within, '"trace_id":', details.traceId);
  within = writeMember(within, '"user_agent":', details.userAgent);
  if (within === ",") {
    writer.ascii("}");
    before = ",";
  }
  if (metadata !== undefined) {
    writeWord(before, '"metadata":');
    writer.json(metadata);
    before = ",";
  }
  before = writeMember(before, '"resource":{"name":', details.resourceName, "}");
  writer.ascii(before === "," ? "}" : "{}");
}

function writeWord(before: string, word: string): void {
  writer.ascii(before);
  writer.ascii(word);
}

function writeText(before: string, text: string): void {
  writer.ascii(before);
  writer.string(text);
}

/** A member with text, unless that is undefined; returns what stands before the next one. */
function writeMember(before: string, key: string, text: string | undefined, end = ""): string {
  if (text === undefined) return before;
  writer.ascii(before);
  writeText(key, text);
  writer.ascii(end);
  return ",";
}

let lastTime: Millis | undefined;
let lastText = "";

/** Entries recorded together have one time, and its text takes as long as a hash. */
function recordTimeText(time: Millis): string {
  if (time !== lastTime) [lastTime, lastText] = [time, timeText(time)];
  return lastText;
}

function timeText(time: Millis): string {
  return new Date(time).toISOString();
}
