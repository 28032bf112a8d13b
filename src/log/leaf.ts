import { formatEntryId, formatTeamId } from "../ids.ts";
import { base64url } from "./base64.ts";
import type { Details, Entry, JsonObject } from "./entry.ts";
import { canonicalJson } from "./jcs.ts";
import type { Sha256 } from "./merkle.ts";

/** Bytes of a details salt. */
export const saltBytes = 32;

const utf8 = new TextEncoder();

/** The parts of a recorded entry that its leaf states; the position is proved, not stated. */
export type LeafFields = Omit<
  Entry,
  "sequence" | "detailsState" | "detailsSalt" | "leafHash" | "details" | "bytes"
>;

/**
 * The digest that commits to the details: SHA-256 of the salt followed by the details' canonical
 * JSON, by their wire names and nested as on the wire; `{}` when there are none. 32 bytes.
 */
export function detailsDigest(sha256: Sha256, salt: Uint8Array, details: Details): Uint8Array {
  return sha256(salt, utf8.encode(canonicalJson(wireDetails(details))));
}

/**
 * The RFC 6962 leaf hash of an entry: SHA-256 of a zero byte and the entry's canonical JSON,
 * leaf format version 1. A pure function of what the API returns. 32 bytes.
 */
export function leafHash(sha256: Sha256, entry: LeafFields): Uint8Array {
  return sha256(utf8.encode(`\0${leafText(entry)}`));
}

/** The canonical JSON (RFC 8785) that an entry's leaf hash is taken of. */
export function leafText(entry: LeafFields): string {
  const { resource, occurTime } = entry;
  return canonicalJson({
    v: 1,
    id: formatEntryId(entry.id),
    team_id: formatTeamId(entry.teamId),
    recorder: entry.recorder,
    actor: entry.actor,
    ...(resource === undefined ? {} : { resource: { ...resource } }),
    action: entry.action,
    scope: entry.scope,
    status: entry.status,
    ...(occurTime === undefined ? {} : { occur_time: new Date(occurTime).toISOString() }),
    record_time: new Date(entry.recordTime).toISOString(),
    details: base64url(entry.detailsDigest),
  });
}

function wireDetails(details: Details): JsonObject {
  const context = present({
    ip_address: details.ipAddress,
    user_agent: details.userAgent,
    request_id: details.requestId,
    trace_id: details.traceId,
  });
  return present({
    actor: details.actorName === undefined ? undefined : { name: details.actorName },
    resource: details.resourceName === undefined ? undefined : { name: details.resourceName },
    metadata: details.metadata,
    context: Object.keys(context).length === 0 ? undefined : context,
  });
}

function present(members: Record<string, JsonObject | string | undefined>): JsonObject {
  return Object.fromEntries(
    Object.entries(members).filter((member): member is [string, JsonObject | string] => {
      return member[1] !== undefined;
    }),
  );
}
