import { AuditError, invalidField } from "../errors.ts";
import { formatTeamId, parseTeamId, type TeamId } from "../ids.ts";
import { type ActorType, type RecorderType, type Scope, scopes } from "../log/entry.ts";
import type { Principal } from "./principal.ts";

/** Who may do what: the one place where it is decided. */

/**
 * The team a request is about: the one it names, else the credential's.
 *
 * @throws AuditError INVALID_FIELD if it names none and the credential has none.
 */
export function requestedTeam(principal: Principal, teamId: string, field = "team_id"): TeamId {
  if (teamId === "") {
    if (principal.teamId !== undefined) return principal.teamId;
    throw invalidField(field, "is required: the credential belongs to no team");
  }
  const parsed = parseTeamId(teamId);
  if (parsed === undefined) {
    throw invalidField(field, "must be team-{uuid} (lower-case and hyphenated)");
  }
  return parsed;
}

/**
 * The scopes that a principal may read in a team.
 *
 * @throws AuditError TEAM_NOT_ALLOWED or PERMISSION_MISSING.
 */
export function readableScopes(principal: Principal, teamId: TeamId): readonly Scope[] {
  requireTeam(principal, teamId);
  const granted = grantedScopes(principal);
  if (granted.length > 0) return granted;
  throw new AuditError("PERMISSION_MISSING", "the credential is not granted to read", {
    metadata: { permission: "read" },
  });
}

/** @throws AuditError PERMISSION_MISSING unless the principal may read across teams. */
export function requireAllTeams(principal: Principal): void {
  if (readsAllTeams(principal)) return;
  throw new AuditError("PERMISSION_MISSING", "only platform admins may read all teams", {
    metadata: { permission: "read_all_teams" },
  });
}

/** @throws AuditError TEAM_NOT_ALLOWED or PERMISSION_MISSING unless it may manage the keys. */
export function requireKeyAdmin(principal: Principal, teamId: TeamId): void {
  requireTeam(principal, teamId);
  if (isTeamAdmin(principal)) return;
  throw new AuditError("PERMISSION_MISSING", "only admins and owners may manage API keys", {
    metadata: { permission: "manage_api_keys" },
  });
}

/** @throws AuditError TEAM_NOT_ALLOWED or PERMISSION_MISSING unless it may erase details. */
export function requireEraser(principal: Principal, teamId: TeamId): void {
  requireTeam(principal, teamId);
  if (isTeamAdmin(principal)) return;
  throw new AuditError("PERMISSION_MISSING", "only admins and owners may erase details", {
    metadata: { permission: "erase_details" },
  });
}

/** What a principal may do in a team, apart from recording. */
export interface Permissions {
  /** None: it may read no entry. */
  readonly readableScopes: readonly Scope[];
  readonly readAllTeams: boolean;
  readonly manageApiKeys: boolean;
  readonly eraseDetails: boolean;
}

/**
 * The outcome of the rules here for a team, for a caller that asks before it tries. Without a team,
 * of a credential that belongs to none: in any team.
 *
 * @throws AuditError TEAM_NOT_ALLOWED.
 */
export function permissionsOf(principal: Principal, teamId: TeamId | undefined): Permissions {
  if (teamId !== undefined) requireTeam(principal, teamId);
  return {
    readableScopes: grantedScopes(principal),
    readAllTeams: readsAllTeams(principal),
    manageApiKeys: isTeamAdmin(principal),
    eraseDetails: isTeamAdmin(principal),
  };
}

/** An actor as a caller gives it. */
export interface GivenActor {
  readonly type: ActorType;
  readonly id: string;
  readonly name?: string;
}

/**
 * The actor of an entry to record: the one given if the principal may speak for it, else the
 * principal itself.
 *
 * @throws AuditError TEAM_NOT_ALLOWED, ACTOR_NOT_ALLOWED.
 */
export function permittedActor(
  principal: Principal,
  teamId: TeamId,
  given: GivenActor | undefined,
): GivenActor {
  if (principal.kind !== "service") requireTeam(principal, teamId);
  const own = ownActor(principal);
  if (given === undefined) return own;
  const isOwn =
    given.type === own.type &&
    given.id === own.id &&
    (given.name === undefined || given.name === own.name);
  if (isOwn || maySpeakForAnyone(principal)) return given;
  throw new AuditError("ACTOR_NOT_ALLOWED", "the caller may record only as itself");
}

/** The recorder that an entry names: the kind of credential and its holder. */
export function recorderOf(principal: Principal): {
  readonly type: RecorderType & ActorType;
  readonly id: string;
} {
  const types = {
    user: "user",
    platform_admin: "user",
    service: "service",
    api_key: "api_key",
  } as const satisfies Record<Principal["kind"], RecorderType & ActorType>;
  return { type: types[principal.kind], id: principal.id };
}

function ownActor(principal: Principal): GivenActor {
  return {
    ...recorderOf(principal),
    ...(principal.name === undefined ? {} : { name: principal.name }),
  };
}

/** What may be read in a team; that it is one of the principal's is checked apart. */
function grantedScopes(principal: Principal): readonly Scope[] {
  switch (principal.kind) {
    case "platform_admin":
      return scopes;
    case "user":
      return principal.role === "member" ? ["team"] : scopes;
    case "service":
    case "api_key":
      if (principal.grants.includes("read_admin")) return scopes;
      return principal.grants.includes("read") ? ["team"] : [];
  }
}

function readsAllTeams(principal: Principal): boolean {
  return principal.kind === "platform_admin";
}

/** An admin or owner, of which team is checked apart, or a platform admin. */
function isTeamAdmin(principal: Principal): boolean {
  if (principal.kind === "platform_admin") return true;
  return principal.kind === "user" && principal.role !== "member";
}

function maySpeakForAnyone(principal: Principal): boolean {
  switch (principal.kind) {
    case "user":
      return false;
    case "api_key":
      return principal.grants.includes("record_any_actor");
    case "service":
    case "platform_admin":
      return true;
  }
}

/** The same answer for a team that does not exist and one that is none of the caller's. */
function requireTeam(principal: Principal, teamId: TeamId): void {
  if (principal.kind === "platform_admin") return;
  // A service reads in any team, if granted to read at all.
  if (principal.kind === "service") return;
  if (principal.teamId === teamId) return;
  throw new AuditError(
    "TEAM_NOT_ALLOWED",
    `the caller has nothing to do with ${formatTeamId(teamId)}`,
  );
}
