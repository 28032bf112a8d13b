import type { MessageInitShape } from "@bufbuild/protobuf";
import type * as wire from "../../gen/audit/v1/entry_pb.ts";
import { invalidFields } from "../errors.ts";
import {
  describeIdMistake,
  type EntryId,
  formatEntryId,
  formatTeamId,
  type PrefixRegistry,
  parseEntryId,
} from "../ids.ts";
import { entryLimits } from "../limits.ts";
import type { ActorType, Details, Entry, JsonObject, NewEntry } from "../log/entry.ts";
import { encodedBytes } from "../log/size.ts";
import { permittedActor, recorderOf, requestedTeam } from "./access.ts";
import type { Principal } from "./principal.ts";
import { canonicalAddress, checkMetadata, Violations } from "./text.ts";
import { decodeTime, encodeTime } from "./wire-time.ts";
import {
  actorTypeNames,
  actorTypes,
  detailsStates,
  scopeNames,
  scopes,
  statuses,
  statusNames,
} from "./wire-words.ts";

/** The wire's shapes end here: handlers see the domain's, and the domain never sees the wire's. */

/** Something that is being made, member by member: spreading together took a third of decoding. */
type Mutable<T> = { -readonly [Member in keyof T]: T[Member] };

/** What decoding an entry to record needs to know. */
export interface EntryContext {
  readonly principal: Principal;
  readonly prefixes: PrefixRegistry;
  /** Makes an id for an entry that comes without one. */
  readonly makeId: () => EntryId;
}

/**
 * Decodes an entry to record: checked against every rule and limit of `entry.proto`, normalised,
 * and authorised. `path` is where the entry is in its request, for field violations.
 *
 * @throws AuditError INVALID_FIELD with every mistake, TEAM_NOT_ALLOWED, ACTOR_NOT_ALLOWED.
 */
export function decodeEntry(
  message: wire.AuditEntry,
  path: string,
  { principal, prefixes, makeId }: EntryContext,
): NewEntry {
  const at = (field: string) => (path === "" ? field : `${path}.${field}`);
  const teamId = requestedTeam(principal, message.teamId, at("team_id"));
  const violations = new Violations();

  const id = message.id === "" ? makeId() : parseEntryId(message.id);
  if (id === undefined) violations.add(at("id"), "must be log-{uuid} (lower-case and hyphenated)");
  const given = message.actor && decodeActor(message.actor, at("actor"), prefixes, violations);
  const resource = message.resource;
  if (resource !== undefined) {
    violations.words(at("resource.type"), resource.type);
    violations.text(at("resource.id"), resource.id);
    violations.text(at("resource.name"), resource.name);
    const mistake = resource.id && describeIdMistake(prefixes, resource.type, resource.id);
    if (mistake) violations.add(at("resource.id"), mistake);
  }
  violations.words(at("action"), message.action);
  const scope = message.scope === 0 ? "team" : scopeNames.get(message.scope);
  if (scope === undefined) violations.add(at("scope"), `is not a scope: ${message.scope}`);
  const status = message.status === 0 ? "success" : statusNames.get(message.status);
  if (status === undefined) violations.add(at("status"), `is not a status: ${message.status}`);
  const occurTime =
    message.occurTime && decodeTime(message.occurTime, at("occur_time"), violations);
  const details = decodeDetails(message, at, violations);
  if (violations.found.length > 0 || !id || !scope || !status)
    throw invalidFields(violations.found);

  const actor = permittedActor(principal, teamId, given);
  details.actorName = actor.name;
  const entry: Mutable<NewEntry> = {
    id,
    teamId,
    recorder: recorderOf(principal),
    actor: { type: actor.type, id: actor.id },
    resource: resource && { type: resource.type, id: resource.id || undefined },
    action: message.action,
    scope,
    status,
    occurTime,
    details,
    actorImplied: given === undefined ? true : undefined,
    bytes: 0,
  };
  entry.bytes = encodedBytes(entry);
  if (entry.bytes > entryLimits.encodedBytes) {
    throw invalidFields([
      {
        field: path || "entry",
        description: `must be at most ${entryLimits.encodedBytes} bytes encoded`,
      },
    ]);
  }
  return entry;
}

function decodeActor(
  actor: wire.Actor,
  path: string,
  prefixes: PrefixRegistry,
  violations: Violations,
): { type: ActorType; id: string; name?: string } {
  const type = actorTypeNames.get(actor.type);
  violations.text(`${path}.name`, actor.name);
  const name = actor.name === "" ? {} : { name: actor.name };
  if (type === undefined) {
    violations.add(
      `${path}.type`,
      actor.type === 0 ? "is required" : `is not a type: ${actor.type}`,
    );
    return { type: "anonymous", id: actor.id, ...name };
  }
  // Neither the system nor an anonymous caller has an id to give.
  const unnamed = type === "system" || type === "anonymous";
  const id = unnamed && actor.id === "" ? type : actor.id;
  violations.requiredText(`${path}.id`, id);
  const mistake =
    type === "system" && id !== "system"
      ? "must be `system` or empty for a system actor"
      : id && describeIdMistake(prefixes, type, id);
  if (mistake) violations.add(`${path}.id`, mistake);
  return { type, id, ...name };
}

function decodeDetails(
  message: wire.AuditEntry,
  at: (field: string) => string,
  violations: Violations,
): Mutable<Details> {
  const { metadata, context, resource } = message;
  const address = context?.ipAddress ? canonicalAddress(context.ipAddress) : undefined;
  if (context?.ipAddress && address === undefined) {
    violations.add(
      at("context.ip_address"),
      "must be an IPv4 or IPv6 address without zone or prefix length",
    );
  }
  const details: Mutable<Details> = {
    actorName: undefined,
    resourceName: resource?.name || undefined,
    metadata: metadata && checkMetadata(at("metadata"), metadata as JsonObject, violations),
    ipAddress: address,
    userAgent: undefined,
    requestId: undefined,
    traceId: undefined,
  };
  if (context === undefined) return details;
  const { userAgent, requestId, traceId } = context;
  if (userAgent !== "") {
    violations.text(at("context.user_agent"), userAgent, entryLimits.userAgentBytes);
    details.userAgent = userAgent;
  }
  if (requestId !== "") {
    violations.text(at("context.request_id"), requestId);
    details.requestId = requestId;
  }
  if (traceId !== "") {
    violations.text(at("context.trace_id"), traceId);
    details.traceId = traceId;
  }
  return details;
}

/** An object without its undefined members. */
function present<T extends object>(members: { [K in keyof T]: T[K] | undefined }): T {
  return Object.fromEntries(
    Object.entries(members).filter(([, value]) => value !== undefined),
  ) as T;
}

/** An entry on the wire. */
export function encodeEntry(entry: Entry): MessageInitShape<typeof wire.AuditEntrySchema> {
  const { details, resource } = entry;
  const { ipAddress, userAgent, requestId, traceId } = details;
  const context = present<MessageInitShape<typeof wire.RequestContextSchema>>({
    ipAddress,
    userAgent,
    requestId,
    traceId,
  });
  return present<MessageInitShape<typeof wire.AuditEntrySchema>>({
    id: formatEntryId(entry.id),
    teamId: formatTeamId(entry.teamId),
    sequence: entry.sequence,
    recorder: entry.recorder,
    actor: present<MessageInitShape<typeof wire.ActorSchema>>({
      type: actorTypes[entry.actor.type],
      id: entry.actor.id,
      name: details.actorName,
    }),
    resource:
      resource &&
      present<MessageInitShape<typeof wire.ResourceSchema>>({
        type: resource.type,
        id: resource.id,
        name: details.resourceName,
      }),
    action: entry.action,
    scope: scopes[entry.scope],
    status: statuses[entry.status],
    metadata: details.metadata as wire.AuditEntry["metadata"],
    context: Object.keys(context).length === 0 ? undefined : context,
    occurTime: entry.occurTime === undefined ? undefined : encodeTime(entry.occurTime),
    recordTime: encodeTime(entry.recordTime),
    detailsState: detailsStates[entry.detailsState],
    detailsSalt: entry.detailsSalt as Uint8Array<ArrayBuffer> | undefined,
    detailsDigest: entry.detailsDigest as Uint8Array<ArrayBuffer>,
    leafHash: entry.leafHash as Uint8Array<ArrayBuffer>,
  });
}
