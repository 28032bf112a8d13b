/** An entry as one plain JSON object with short words: a line of NDJSON. */
import { create, type JsonObject, type MessageInitShape } from "@bufbuild/protobuf";
import { type Timestamp, timestampFromMs, timestampMs } from "@bufbuild/protobuf/wkt";
import { type AuditEntry, AuditEntrySchema } from "../../gen/audit/v1/entry_pb.ts";
import { base64 } from "../log/base64.ts";
import { parseInstant } from "./instant.ts";
import type { ActorTypeWord, EntryIdText, ScopeWord, StatusWord, TeamIdText } from "./new-entry.ts";
import { actorTypes, detailsStates, scopes, statuses } from "./words.ts";

/** A word that this client knows, or the number as text of one that only a newer server does. */
export type KnownWord<Word extends string> = Word | (string & {});

/** Who did it, as recorded. */
export interface ActorJson {
  type: KnownWord<ActorTypeWord>;
  /** Absent for someone anonymous. */
  id?: string;
  name?: string;
}

/**
 * A recorded entry as plain JSON; absent fields are left out. Bytes are base64, times RFC 3339 in
 * UTC with three decimals.
 */
export interface EntryJson {
  id: EntryIdText;
  teamId: TeamIdText;
  /** A number while it is safe (up to 2^53 - 1), decimal text beyond. */
  sequence: number | string;
  /** Who recorded it, by the credential: a user, an API key, a service, or Annals itself. */
  recorder: { type: string; id: string };
  actor: ActorJson;
  resource?: { type: string; id?: string; name?: string };
  action: string;
  scope: KnownWord<ScopeWord>;
  status: KnownWord<StatusWord>;
  metadata?: JsonObject;
  context?: { ipAddress?: string; userAgent?: string; requestId?: string; traceId?: string };
  /** When it happened, as the caller said. */
  occurTime?: string;
  /** When it was recorded, by the database's clock. */
  recordTime: string;
  /** Whether there are details (names, metadata, context), never were, or they were erased. */
  detailsState: KnownWord<"present" | "none" | "erased">;
  detailsSalt?: string;
  detailsDigest: string;
  leafHash: string;
}

/** The fields of an entry as JSON. */
export const entryFields: ReadonlySet<string> = new Set<keyof EntryJson>([
  ...(["id", "teamId", "sequence", "recorder", "actor", "resource", "action", "scope"] as const),
  ...(["status", "metadata", "context", "occurTime", "recordTime"] as const),
  ...(["detailsState", "detailsSalt", "detailsDigest", "leafHash"] as const),
]);
/** Of its actor and its resource. */
export const namedFields: ReadonlySet<string> = new Set(["type", "id", "name"]);
/** Of its context. */
export const contextFields: ReadonlySet<string> = new Set([
  "ipAddress",
  "userAgent",
  "requestId",
  "traceId",
]);

/** A plain object that is not an entry; the message starts with the field's path. */
export class EntryJsonError extends Error {
  override readonly name = "EntryJsonError";
}

/** Whole milliseconds, always three decimals. Example: `2026-03-01T12:00:00.120Z` */
export function timeText(time: Timestamp): string {
  return new Date(timestampMs(time)).toISOString();
}

/**
 * The entry as a plain object for JSON.stringify. The type holds for entries as a server sends them;
 * what another one lacks is left out.
 */
export function entryToJson(entry: AuditEntry): EntryJson {
  const { recorder, actor, resource, context, metadata, occurTime, recordTime } = entry;
  return present({
    id: entry.id,
    teamId: entry.teamId,
    sequence: sequenceJson(entry.sequence),
    recorder: recorder && present({ type: recorder.type, id: recorder.id }),
    actor: actor && present({ type: actorTypes.word(actor.type), id: actor.id, name: actor.name }),
    resource: resource && present({ type: resource.type, id: resource.id, name: resource.name }),
    action: entry.action,
    scope: scopes.word(entry.scope),
    status: statuses.word(entry.status),
    metadata,
    context:
      context &&
      present({
        ipAddress: context.ipAddress,
        userAgent: context.userAgent,
        requestId: context.requestId,
        traceId: context.traceId,
      }),
    occurTime: occurTime && timeText(occurTime),
    recordTime: recordTime && timeText(recordTime),
    detailsState: detailsStates.word(entry.detailsState),
    detailsSalt: base64(entry.detailsSalt),
    detailsDigest: base64(entry.detailsDigest),
    leafHash: base64(entry.leafHash),
  }) as EntryJson;
}

/**
 * The entry to record that a plain object describes: the inverse of entryToJson for the fields a
 * caller may choose. Output-only fields are accepted and left out, so that a line of a log can be
 * recorded again; unknown fields and values of the wrong type throw EntryJsonError. What only the
 * server can judge (ids, limits) is left to it.
 */
export function entryFromJson(value: unknown): AuditEntry {
  const json = fieldsOf(value, "entry", entryFields, "");
  const init: MessageInitShape<typeof AuditEntrySchema> = {
    id: text(json, "id"),
    teamId: text(json, "teamId"),
    action: text(json, "action"),
  };
  if (json.actor !== undefined) {
    const actor = fieldsOf(json.actor, "actor", namedFields);
    init.actor = { id: text(actor, "id", "actor."), name: text(actor, "name", "actor.") };
    if (actor.type !== undefined) {
      init.actor.type = wordValue(actorTypes, text(actor, "type", "actor."), "actor.type");
    }
  }
  if (json.resource !== undefined) {
    const resource = fieldsOf(json.resource, "resource", namedFields);
    init.resource = {
      type: text(resource, "type", "resource."),
      id: text(resource, "id", "resource."),
      name: text(resource, "name", "resource."),
    };
  }
  if (json.context !== undefined) {
    const context = fieldsOf(json.context, "context", contextFields);
    init.context = {
      ipAddress: text(context, "ipAddress", "context."),
      userAgent: text(context, "userAgent", "context."),
      requestId: text(context, "requestId", "context."),
      traceId: text(context, "traceId", "context."),
    };
  }
  if (json.scope !== undefined) init.scope = wordValue(scopes, text(json, "scope"), "scope");
  if (json.status !== undefined) init.status = wordValue(statuses, text(json, "status"), "status");
  if (json.metadata !== undefined) {
    init.metadata = jsonObject(json.metadata, "metadata") as JsonObject;
  }
  if (json.occurTime !== undefined) {
    const ms = parseInstant(text(json, "occurTime"));
    if (ms === undefined) throw new EntryJsonError("occurTime: must be an RFC 3339 time");
    init.occurTime = timestampFromMs(ms);
  }
  return create(AuditEntrySchema, init);
}

function sequenceJson(sequence: bigint): number | string | undefined {
  if (sequence === 0n) return undefined;
  return sequence <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(sequence) : String(sequence);
}

type Present<T> = { [K in keyof T]?: Exclude<T[K], undefined> };

/** Without what proto3 calls absent: undefined and empty text. */
function present<T extends object>(fields: T): Present<T> {
  return Object.fromEntries(
    Object.entries(fields).filter(([, value]) => value !== undefined && value !== ""),
  ) as Present<T>;
}

/** The value as an object. @throws EntryJsonError if it is none. */
export function jsonObject(value: unknown, path: string): Record<string, unknown> {
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw new EntryJsonError(`${path}: must be a JSON object`);
  }
  return value as Record<string, unknown>;
}

/** The value as an object without other fields than these. @throws EntryJsonError if it is none. */
export function fieldsOf(
  value: unknown,
  path: string,
  known: ReadonlySet<string>,
  prefix = `${path}.`,
): Record<string, unknown> {
  const json = jsonObject(value, path);
  for (const name in json) {
    if (!known.has(name)) throw new EntryJsonError(`${prefix}${name}: unknown field`);
  }
  return json;
}

function text(json: Record<string, unknown>, name: string, prefix = ""): string {
  const value = json[name];
  if (value === undefined) return "";
  if (typeof value !== "string") throw new EntryJsonError(`${prefix}${name}: must be a string`);
  return value;
}

/** The enum value of a word. @throws EntryJsonError if it is none of the vocabulary. */
export function wordValue<E extends number>(
  vocabulary: { words: readonly string[]; value(word: string): E },
  value: string,
  path: string,
): E {
  if (!vocabulary.words.includes(value)) {
    throw new EntryJsonError(`${path}: must be one of ${vocabulary.words.join(", ")}`);
  }
  return vocabulary.value(value);
}
