import { isIP } from "node:net";
import type { JsonObject } from "@bufbuild/protobuf";
import { timestampMs } from "@bufbuild/protobuf/wkt";
import type { Actor, AuditEntry } from "../../../gen/audit/v1/entry_pb.ts";
import { describeIdMistake, type PrefixRegistry, parseEntryId, parseTeamId } from "../../ids.ts";
import { entryLimits } from "../../limits.ts";
import type { JsonObject as MetadataObject, NewEntry } from "../../log/entry.ts";
import { checkedMetadata, textMistake, wordsMistake } from "../../log/rules.ts";
import { encodedBytes } from "../../log/size.ts";
import { actorTypes } from "../words.ts";

const { textBytes, userAgentBytes } = entryLimits;
const firstMs = Date.parse("0001-01-01T00:00:00.000Z");
const lastMs = Date.parse("9999-12-31T23:59:59.999Z");

/**
 * Why the server would refuse an entry, whoever records it: each mistake with the field's path, as the
 * server words it. Empty: it would take it, if the credential may record it.
 */
export function entryMistakes(entry: AuditEntry, prefixes: PrefixRegistry): readonly string[] {
  const mistakes: string[] = [];
  const add = (field: string, mistake: string | undefined) => {
    if (mistake !== undefined) mistakes.push(`${field}: ${mistake}`);
  };
  const { id, teamId, actor, resource, context, metadata, occurTime } = entry;
  if (teamId !== "" && parseTeamId(teamId) === undefined) {
    // The server then looks no further.
    return ["team_id: must be team-{uuid} (lower-case and hyphenated)"];
  }
  if (id !== "" && parseEntryId(id) === undefined) {
    add("id", "must be log-{uuid} (lower-case and hyphenated)");
  }
  if (actor !== undefined) addActorMistakes(actor, prefixes, add);
  if (resource !== undefined) {
    add("resource.type", wordsMistake(resource.type, textBytes));
    add("resource.id", textMistake(resource.id, textBytes));
    add("resource.name", textMistake(resource.name, textBytes));
    if (resource.id) add("resource.id", describeIdMistake(prefixes, resource.type, resource.id));
  }
  add("action", wordsMistake(entry.action, textBytes));
  if (occurTime !== undefined) {
    const ms = timestampMs(occurTime);
    if (ms < firstMs || ms > lastMs) add("occur_time", "must be in the years 0001 to 9999");
  }
  if (context?.ipAddress && (isIP(context.ipAddress) === 0 || context.ipAddress.includes("%"))) {
    add("context.ip_address", "must be an IPv4 or IPv6 address without zone or prefix length");
  }
  if (metadata !== undefined) {
    add("metadata", checkedMetadata(metadata as MetadataObject, entryLimits).mistake);
  }
  add("context.user_agent", textMistake(context?.userAgent ?? "", userAgentBytes));
  add("context.request_id", textMistake(context?.requestId ?? "", textBytes));
  add("context.trace_id", textMistake(context?.traceId ?? "", textBytes));
  if (mistakes.length === 0 && size(entry) > entryLimits.encodedBytes) {
    add("entry", `must be at most ${entryLimits.encodedBytes} bytes encoded`);
  }
  return mistakes;
}

function addActorMistakes(
  actor: Actor,
  prefixes: PrefixRegistry,
  add: (field: string, mistake: string | undefined) => void,
): void {
  add("actor.name", textMistake(actor.name, textBytes));
  const type = actorTypes.word(actor.type);
  if (type === undefined) {
    add("actor.type", "is required");
    return;
  }
  const id = (type === "system" || type === "anonymous") && actor.id === "" ? type : actor.id;
  add("actor.id", id === "" ? "is required" : textMistake(id, textBytes));
  if (type === "system" && id !== "system") {
    add("actor.id", "must be `system` or empty for a system actor");
  } else if (id) add("actor.id", describeIdMistake(prefixes, type, id));
}

/** What the server would weigh it at, but for the id of its recorder. */
function size({ actor, resource, action, context, metadata }: AuditEntry): number {
  return encodedBytes({
    recorder: { id: "" },
    actor: { id: actor?.id ?? "" },
    resource,
    action,
    details: {
      actorName: actor?.name,
      resourceName: resource?.name,
      metadata: metadata as JsonObject | undefined,
      ...context,
    },
  } as unknown as NewEntry);
}
