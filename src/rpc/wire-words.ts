import * as wire from "../../gen/audit/v1/entry_pb.ts";
import type { ActorType, DetailsState, Scope, Status } from "../log/entry.ts";

/** The domain's short words and the wire's prefixed enums. */

/** Actor types as the wire has them. */
export const actorTypes: Record<ActorType, wire.ActorType> = {
  user: wire.ActorType.USER,
  api_key: wire.ActorType.API_KEY,
  service: wire.ActorType.SERVICE,
  system: wire.ActorType.SYSTEM,
  anonymous: wire.ActorType.ANONYMOUS,
};
/** Scopes as the wire has them. */
export const scopes: Record<Scope, wire.EntryScope> = {
  team: wire.EntryScope.TEAM,
  admin: wire.EntryScope.ADMIN,
};
/** Statuses as the wire has them. */
export const statuses: Record<Status, wire.EntryStatus> = {
  success: wire.EntryStatus.SUCCESS,
  info: wire.EntryStatus.INFO,
  warning: wire.EntryStatus.WARNING,
  error: wire.EntryStatus.ERROR,
};
/** States of details as the wire has them. */
export const detailsStates: Record<DetailsState, wire.DetailsState> = {
  present: wire.DetailsState.PRESENT,
  none: wire.DetailsState.NONE,
  erased: wire.DetailsState.ERASED,
};

/** Actor types by their number on the wire. */
export const actorTypeNames = inverse(actorTypes);
/** Scopes by their number on the wire. */
export const scopeNames = inverse(scopes);
/** Statuses by their number on the wire. */
export const statusNames = inverse(statuses);

function inverse<Name extends string>(words: Record<Name, number>): ReadonlyMap<number, Name> {
  return new Map(
    (Object.entries(words) as [Name, number][]).map(([name, number]) => [number, name]),
  );
}
