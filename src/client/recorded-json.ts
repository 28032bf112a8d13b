import type { JsonObject } from "@bufbuild/protobuf";
import type { Timestamp } from "@bufbuild/protobuf/wkt";
import type {
  Actor,
  AuditEntry,
  Principal,
  RequestContext,
  Resource,
} from "../../gen/audit/v1/entry_pb.ts";
import { fromBase64 } from "../log/base64.ts";
import {
  contextFields,
  EntryJsonError,
  entryFields,
  fieldsOf,
  jsonObject,
  namedFields,
  wordValue,
} from "./entry-json.ts";
import { actorTypes, detailsStates, scopes, statuses, type Vocabulary } from "./words.ts";

const principalFields = new Set(["type", "id"]);
const maxSafe = BigInt(Number.MAX_SAFE_INTEGER);
const maxUint64 = 2n ** 64n - 1n;
/** Times in the years 0001 to 9999, as `entryToJson` writes them. */
const timePattern = /^(?!0000)\d{4}-\d\d-\d\dT(?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d\.\d{3}Z$/;
const noBytes = new Uint8Array();

/**
 * The recorded entry that a plain object describes: the inverse of `entryToJson` for all fields.
 * What `entryToJson` never writes (unknown fields, empty text, a time in another form, a word that
 * this client does not know) is refused, so that an entry has one JSON form only. Whether it is
 * what was recorded, a `Verifier` knows.
 *
 * The messages are written out rather than made with `create`, which takes several times as long.
 *
 * @throws EntryJsonError naming the field.
 */
export function recordedFromJson(value: unknown): AuditEntry {
  const json = fieldsOf(value, "entry", entryFields, "");
  const entry: AuditEntry = {
    $typeName: "audit.v1.AuditEntry",
    id: text(json.id, "id"),
    teamId: text(json.teamId, "teamId"),
    sequence: sequence(json.sequence),
    action: text(json.action, "action"),
    scope: word(scopes, json.scope, "scope"),
    status: word(statuses, json.status, "status"),
    detailsState: word(detailsStates, json.detailsState, "detailsState"),
    detailsSalt: bytes(json.detailsSalt, "detailsSalt"),
    detailsDigest: bytes(json.detailsDigest, "detailsDigest"),
    leafHash: bytes(json.leafHash, "leafHash"),
  };
  if (json.recorder !== undefined) entry.recorder = recorder(json.recorder);
  if (json.actor !== undefined) entry.actor = actor(json.actor);
  if (json.resource !== undefined) entry.resource = resource(json.resource);
  if (json.metadata !== undefined) {
    entry.metadata = jsonObject(json.metadata, "metadata") as JsonObject;
  }
  if (json.context !== undefined) entry.context = context(json.context);
  if (json.occurTime !== undefined) entry.occurTime = time(json.occurTime, "occurTime");
  if (json.recordTime !== undefined) entry.recordTime = time(json.recordTime, "recordTime");
  return entry;
}

function recorder(value: unknown): Principal {
  const json = fieldsOf(value, "recorder", principalFields);
  return {
    $typeName: "audit.v1.Principal",
    type: text(json.type, "recorder.type"),
    id: text(json.id, "recorder.id"),
  };
}

function actor(value: unknown): Actor {
  const json = fieldsOf(value, "actor", namedFields);
  return {
    $typeName: "audit.v1.Actor",
    type: word(actorTypes, json.type, "actor.type"),
    id: text(json.id, "actor.id"),
    name: text(json.name, "actor.name"),
  };
}

function resource(value: unknown): Resource {
  const json = fieldsOf(value, "resource", namedFields);
  return {
    $typeName: "audit.v1.Resource",
    type: text(json.type, "resource.type"),
    id: text(json.id, "resource.id"),
    name: text(json.name, "resource.name"),
  };
}

function context(value: unknown): RequestContext {
  const json = fieldsOf(value, "context", contextFields);
  // Nothing is hashed of it, so that it could come and go.
  if (Object.keys(json).length === 0) throw new EntryJsonError("context: must not be empty");
  return {
    $typeName: "audit.v1.RequestContext",
    ipAddress: text(json.ipAddress, "context.ipAddress"),
    userAgent: text(json.userAgent, "context.userAgent"),
    requestId: text(json.requestId, "context.requestId"),
    traceId: text(json.traceId, "context.traceId"),
  };
}

function text(value: unknown, path: string): string {
  if (value === undefined) return "";
  if (typeof value === "string" && value !== "") return value;
  throw new EntryJsonError(`${path}: must be a string that is not empty`);
}

function word<E extends number>(vocabulary: Vocabulary<E>, value: unknown, path: string): E | 0 {
  return value === undefined ? 0 : wordValue(vocabulary, text(value, path), path);
}

function sequence(value: unknown): bigint {
  if (value === undefined) return 0n;
  if (typeof value === "number" && Number.isSafeInteger(value) && value > 0) return BigInt(value);
  const number = typeof value === "string" && /^[1-9]\d{15,19}$/.test(value) ? BigInt(value) : 0n;
  if (number > maxSafe && number <= maxUint64) return number;
  throw new EntryJsonError("sequence: must be a number from 1, decimal text beyond 2^53 - 1");
}

function time(value: unknown, path: string): Timestamp {
  const ms = typeof value === "string" && timePattern.test(value) ? Date.parse(value) : Number.NaN;
  // Date.parse takes 30 February for a day in March.
  if (Number.isNaN(ms) || new Date(ms).getUTCDate() !== Number(String(value).slice(8, 10))) {
    throw new EntryJsonError(`${path}: must be a UTC time with three decimals`);
  }
  const seconds = Math.floor(ms / 1_000);
  return {
    $typeName: "google.protobuf.Timestamp",
    seconds: BigInt(seconds),
    nanos: (ms - seconds * 1_000) * 1_000_000,
  };
}

function bytes(value: unknown, path: string): Uint8Array<ArrayBuffer> {
  if (value === undefined) return noBytes;
  const decoded = typeof value === "string" && value !== "" ? fromBase64(value) : undefined;
  if (decoded !== undefined) return decoded;
  throw new EntryJsonError(`${path}: must be padded standard base64`);
}
