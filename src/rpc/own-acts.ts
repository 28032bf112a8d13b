import { type EntryId, formatApiKeyId, platformTeamId, type TeamId } from "../ids.ts";
import type { NewEntry } from "../log/entry.ts";
import { encodeSequences, erasureAction } from "../log/erasure.ts";
import { encodedBytes } from "../log/size.ts";
import type { ApiKey, NewApiKey } from "../store/keys.ts";
import { recorderOf } from "./access.ts";
import type { Principal } from "./principal.ts";

/** What Annals itself does that must be in the log: the entries for it. */

type Act = Pick<NewEntry, "teamId" | "action" | "scope" | "status"> &
  Partial<Pick<NewEntry, "resource">> & { readonly details: NewEntry["details"] };

/** An API key was made. */
export function apiKeyCreated(id: EntryId, principal: Principal, key: NewApiKey): NewEntry {
  return entry(id, principal, {
    teamId: key.teamId,
    action: "create",
    scope: "team",
    status: "success",
    resource: { type: "api_key", id: formatApiKeyId(key.id) },
    details: { resourceName: key.name, metadata: { grants: key.grants } },
  });
}

/** An API key was revoked. */
export function apiKeyRevoked(id: EntryId, principal: Principal, key: ApiKey): NewEntry {
  return entry(id, principal, {
    teamId: key.teamId,
    action: "revoke",
    scope: "team",
    status: "warning",
    resource: { type: "api_key", id: formatApiKeyId(key.id) },
    details: { resourceName: key.name },
  });
}

/** The action of {@link allTeamsRead}. */
export const allTeamsReadAction = "read_all_teams";

/** A platform admin reads all teams; recorded in the platform team's log. */
export function allTeamsRead(
  id: EntryId,
  principal: Principal,
  metadata: { readonly rpc: "List"; readonly query: string } | { readonly rpc: "Stream" },
): NewEntry {
  return entry(id, principal, {
    teamId: platformTeamId,
    action: allTeamsReadAction,
    scope: "admin",
    status: "info",
    resource: { type: "audit_log" },
    details: { metadata },
  });
}

/**
 * The details of entries were erased. The entry's own can never be, so it names nobody: its actor
 * is the principal by id alone.
 */
export function detailsErased(
  id: EntryId,
  principal: Principal,
  teamId: TeamId,
  sequences: readonly bigint[],
): NewEntry {
  return unnamed(id, principal, {
    teamId,
    action: erasureAction,
    scope: "team",
    status: "warning",
    resource: { type: "audit_log" },
    details: { metadata: { sequences: encodeSequences(sequences) } },
  });
}

function entry(id: EntryId, principal: Principal, act: Act): NewEntry {
  const { name } = principal;
  if (name === undefined) return unnamed(id, principal, act);
  return unnamed(id, principal, { ...act, details: { ...act.details, actorName: name } });
}

function unnamed(id: EntryId, principal: Principal, act: Act): NewEntry {
  const unweighed: Omit<NewEntry, "bytes"> = {
    ...act,
    id,
    recorder: { type: "annals", id: "annals" },
    actor: recorderOf(principal),
  };
  return { ...unweighed, bytes: encodedBytes(unweighed) };
}
