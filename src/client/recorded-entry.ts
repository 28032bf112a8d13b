/** A recorded entry of the wire in the domain's terms, strictly: for those who check its hashes. */
import type { Timestamp } from "@bufbuild/protobuf/wkt";
import type { AuditEntry } from "../../gen/audit/v1/entry_pb.ts";
import { parseEntryId, parseTeamId } from "../ids.ts";
import {
  actorTypes,
  type Details,
  type DetailsState,
  type Millis,
  type RecorderType,
  scopes,
  statuses,
} from "../log/entry.ts";
import type { LeafFields } from "../log/leaf.ts";

/** What is recorded of an entry. As on the wire, the salt of an erased one is empty. */
export interface RecordedEntry extends LeafFields {
  readonly sequence: bigint;
  readonly details: Details;
  readonly detailsState: DetailsState;
  readonly detailsSalt: Uint8Array;
  readonly leafHash: Uint8Array;
}

/** Not an entry as a server sends it. */
export class RecordedEntryError extends Error {
  override readonly name = "RecordedEntryError";

  /** `field` is what is missing or malformed, by its name in the proto. */
  constructor(field: string) {
    super(`${field} is missing or malformed`);
  }
}

type Mutable<T> = { -readonly [Key in keyof T]: T[Key] };

// As `actorTypes`, `scopes` and `statuses`: in the order of the wire's numbers, which begin at 1.
const detailsStates = ["present", "none", "erased"] as const;
const recorderTypes: readonly RecorderType[] = ["user", "api_key", "service", "annals"];

/**
 * Takes a recorded entry from the wire: nothing is normalised, and what a server never sends
 * (other enum numbers, finer times, an id that is none) is refused. Hashes are not checked.
 *
 * @throws RecordedEntryError.
 */
export function recordedEntry(message: AuditEntry): RecordedEntry {
  const { recorder, actor, resource, action, occurTime } = message;
  const recorderType = recorderTypes.find((type) => type === recorder?.type);
  if (recorder === undefined || recorderType === undefined) return malformed("recorder");
  const entry: Mutable<RecordedEntry> = {
    id: parseEntryId(message.id) ?? malformed("id"),
    teamId: parseTeamId(message.teamId) ?? malformed("team_id"),
    sequence: message.sequence > 0n ? message.sequence : malformed("sequence"),
    recorder: { type: recorderType, id: recorder.id },
    actor: decodeActor(actor),
    action: action === "" ? malformed("action") : action,
    scope: scopes[message.scope - 1] ?? malformed("scope"),
    status: statuses[message.status - 1] ?? malformed("status"),
    recordTime: millis("record_time", message.recordTime),
    details: decodeDetails(message),
    detailsState: detailsStates[message.detailsState - 1] ?? malformed("details_state"),
    detailsSalt: message.detailsSalt,
    detailsDigest: hash("details_digest", message.detailsDigest),
    leafHash: hash("leaf_hash", message.leafHash),
  };
  if (resource !== undefined) {
    const { type, id } = resource;
    if (type === "") return malformed("resource.type");
    entry.resource = id === "" ? { type } : { type, id };
  }
  if (occurTime !== undefined) entry.occurTime = millis("occur_time", occurTime);
  return entry;
}

function decodeActor(actor: AuditEntry["actor"]): RecordedEntry["actor"] {
  if (actor === undefined) return malformed("actor");
  return { type: actorTypes[actor.type - 1] ?? malformed("actor.type"), id: actor.id };
}

/** Empty text is absent. */
function decodeDetails({ actor, resource, metadata, context }: AuditEntry): Details {
  const details: Mutable<Details> = {};
  if (actor?.name) details.actorName = actor.name;
  if (resource?.name) details.resourceName = resource.name;
  if (metadata) details.metadata = metadata;
  if (context === undefined) return details;
  const { ipAddress, userAgent, requestId, traceId } = context;
  // No hash covers an empty one.
  if (!(ipAddress || userAgent || requestId || traceId)) return malformed("context");
  if (ipAddress) details.ipAddress = ipAddress;
  if (userAgent) details.userAgent = userAgent;
  if (requestId) details.requestId = requestId;
  if (traceId) details.traceId = traceId;
  return details;
}

/** Whole milliseconds in the years 0001 to 9999. */
function millis(field: string, time: Timestamp | undefined): Millis {
  if (time === undefined) return malformed(field);
  const seconds = Number(time.seconds);
  const rest = time.nanos / 1_000_000;
  const isInRange = seconds >= -62_135_596_800 && seconds <= 253_402_300_799;
  const isWhole = Number.isInteger(rest) && rest >= 0 && rest < 1_000;
  return isInRange && isWhole ? seconds * 1_000 + rest : malformed(field);
}

function hash(field: string, bytes: Uint8Array): Uint8Array {
  return bytes.length === 32 ? bytes : malformed(field);
}

function malformed(field: string): never {
  throw new RecordedEntryError(field);
}
