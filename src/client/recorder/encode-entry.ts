import { Buffer } from "node:buffer";
import { entryLimits } from "../../limits.ts";
import type { Surroundings } from "../context/surroundings.ts";
import { newEntryId } from "../entry-id.ts";
import { type RedactedField, type Redaction, redacted } from "../metadata/redaction.ts";
import type { NewEntry, NewRequestContext } from "../new-entry.ts";
import { textOf } from "./emitter.ts";
import { writeMetadata } from "./encode-metadata.ts";
import { OutOfSpace, ReverseWriter } from "./reverse-writer.ts";

/** An entry as a protobuf AuditEntry, and what is needed of it later without decoding it. */
export interface EncodedEntry {
  readonly id: string;
  /** Empty: the credential's own. */
  readonly teamId: string;
  /** The bytes as `bytesOf` has them, a character for each: a single object, of memory that V8 manages. */
  readonly data: string;
}

/** The bytes of an entry, for sending them or writing them to disk. */
export function bytesOf({ data }: EncodedEntry): Uint8Array {
  return Buffer.from(data, "latin1");
}

/** An entry that cannot be encoded; the message says why. */
export class UnencodableError extends Error {
  override readonly name = "UnencodableError";
}

const actorTypeNumbers = numbered("user", "api_key", "service", "system", "anonymous");
const scopeNumbers = numbered("team", "admin");
const statusNumbers = numbered("success", "info", "warning", "error");

/** The numbers that words have on the wire. */
function numbered(...words: readonly string[]): ReadonlyMap<unknown, number> {
  return new Map(words.map((word, index) => [word, index + 1]));
}

/**
 * One writer serves all entries, one after another. An entry that is recorded while another is encoded (by
 * a getter or a listener of the program) finds it taken and gets one of its own.
 */
let free: ReverseWriter | undefined;

/**
 * Encodes an entry as it is now, reading each of its properties once. `amend` is told of what was wrong
 * with details and was left out or replaced; what is wrong with the rest is for the server to refuse.
 *
 * @throws UnencodableError if there is nothing to send that the server could even judge.
 */
export function encodeEntry(
  entry: NewEntry,
  around: Surroundings,
  redaction: Redaction,
  amend: (message: string) => void,
): EncodedEntry {
  const writer = free ?? new ReverseWriter(entryLimits.encodedBytes);
  free = undefined;
  try {
    writer.reset();
    return encode({ writer, redaction, amend }, entry, around);
  } catch (error) {
    if (error instanceof UnencodableError) throw error;
    const why =
      error instanceof OutOfSpace
        ? `it is larger than ${entryLimits.encodedBytes} bytes`
        : `it cannot be read: ${textOf(error)}`;
    throw new UnencodableError(why);
  } finally {
    free = writer;
  }
}

/** Where an entry is encoded to, and by which rules. */
interface Encoding {
  readonly writer: ReverseWriter;
  readonly redaction: Redaction;
  readonly amend: (message: string) => void;
}

function encode(to: Encoding, entry: NewEntry, around: Surroundings): EncodedEntry {
  const { writer } = to;
  const { action } = entry;
  if (action === undefined) throw new UnencodableError("action: is required");
  // An empty one, too: the server would choose another each time that the entry is sent.
  const id = optionalText("id", entry.id) || newEntryId();
  const teamId = optionalText("teamId", entry.teamId) ?? around.teamId ?? "";
  writeTime(to, entry.occurTime);
  writeContext(to, entry.context, around.context);
  writeDetails(to, entry.metadata);
  writeWord(to, 9, "status", statusNumbers, entry.status);
  writeWord(to, 8, "scope", scopeNumbers, entry.scope);
  writeText(to, 7, "action", action);
  const resource = entry.resource ?? undefined;
  const actor = entry.actor ?? around.actor;
  if (resource !== undefined) {
    const start = writer.mark;
    writeName(to, 3, "resource.name", resource.name);
    writeText(to, 2, "resource.id", resource.id);
    writeText(to, 1, "resource.type", resource.type);
    writer.message(6, start);
  }
  if (actor !== undefined) {
    const start = writer.mark;
    writeName(to, 3, "actor.name", actor.name);
    writeText(to, 2, "actor.id", actor.id);
    writeWord(to, 1, "actor.type", actorTypeNumbers, actor.type);
    writer.message(5, start);
  }
  writeText(to, 2, "teamId", teamId);
  writer.text(1, id);
  return { id, teamId, data: writer.finish() };
}

function writeTime({ writer, amend }: Encoding, time: Date | undefined): void {
  let millis = time === undefined ? Date.now() : Number(time);
  if (!(time === undefined || time instanceof Date) || Number.isNaN(millis)) {
    amend("occurTime: is no valid Date; now was taken");
    millis = Date.now();
  }
  const seconds = Math.floor(millis / 1_000);
  const start = writer.mark;
  const nanos = Math.round(millis - seconds * 1_000) * 1_000_000;
  if (nanos > 0) writer.varint(2, nanos);
  if (seconds > 0) writer.varint(1, seconds);
  // Before 1970: int64 in two's complement, which is what ten bytes of varint hold.
  else if (seconds < 0) writer.negativeVarint(1, seconds);
  writer.message(12, start);
}

function writeContext(
  to: Encoding,
  own: NewRequestContext | undefined,
  around: NewRequestContext | undefined,
): void {
  if (own === undefined && around === undefined) return;
  const start = to.writer.mark;
  writeName(to, 4, "context.traceId", own?.traceId ?? around?.traceId);
  writeName(to, 3, "context.requestId", own?.requestId ?? around?.requestId);
  writeName(to, 2, "context.userAgent", own?.userAgent ?? around?.userAgent);
  // In an address's place nothing but an address can stand.
  if (!to.redaction.has("context.ipAddress")) {
    writeText(to, 1, "context.ipAddress", own?.ipAddress ?? around?.ipAddress);
  }
  if (to.writer.mark < start) to.writer.message(11, start);
}

function writeDetails(to: Encoding, metadata: NewEntry["metadata"]): void {
  if (metadata === undefined || metadata === null) return;
  if (typeof metadata !== "object" || Array.isArray(metadata)) {
    to.amend("metadata: is not an object; it was left out");
    return;
  }
  const start = to.writer.mark;
  writeMetadata(to.writer, metadata, to.redaction, to.amend);
  to.writer.message(10, start);
}

/** A text that may be redacted. */
function writeName(to: Encoding, field: number, path: RedactedField, value: unknown): void {
  const text = optionalText(path, value);
  if (text) to.writer.text(field, to.redaction.has(path) ? redacted : text);
}

function writeText({ writer }: Encoding, field: number, path: string, value: unknown): void {
  const text = optionalText(path, value);
  if (text) writer.text(field, text);
}

function optionalText(path: string, value: unknown): string | undefined {
  if (typeof value === "string") return value;
  if (value === undefined || value === null) return undefined;
  throw new UnencodableError(`${path}: must be a string`);
}

function writeWord(
  { writer }: Encoding,
  field: number,
  path: string,
  numbers: ReadonlyMap<unknown, number>,
  word: unknown,
): void {
  if (word === undefined || word === null) return;
  const number = numbers.get(word);
  if (number === undefined) {
    throw new UnencodableError(`${path}: must be one of ${[...numbers.keys()].join(", ")}`);
  }
  writer.varint(field, number);
}
