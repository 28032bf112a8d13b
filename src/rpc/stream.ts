import type { HandlerContext } from "@connectrpc/connect";
import type { StreamRequest } from "../../gen/audit/v1/audit_service_pb.ts";
import { invalidField } from "../errors.ts";
import { followAllTeams } from "../feed/all-teams-subscription.ts";
import { type Delivery, followTeam, type SubscriptionContext } from "../feed/team-subscription.ts";
import { type Entry, scopes } from "../log/entry.ts";
import { everything, matches } from "../log/filter.ts";
import { readableScopes, requestedTeam, requireAllTeams } from "./access.ts";
import { encodeEntry } from "./codec.ts";
import { encodeCursor, encodeGlobalCursor } from "./cursor.ts";
import { decodeFilter } from "./filter-codec.ts";
import { allTeamsRead } from "./own-acts.ts";
import { authenticatedKey } from "./principal.ts";
import type { Services } from "./services.ts";
import { endOf } from "./stream-end.ts";
import { globalStart, startingAt, teamStart } from "./stream-start.ts";

/** Follows a log, or all of them. */
export function stream(services: Services) {
  return async function* (request: StreamRequest, context: HandlerContext) {
    const authenticated = context.values.get(authenticatedKey);
    const { principal } = authenticated;
    if (request.allTeams && request.teamId !== "") {
      throw invalidField("team_id", "must be empty with all_teams");
    }
    if (request.allTeams && request.withheld) {
      throw invalidField("withheld", "must not be set with all_teams");
    }
    if (request.allTeams) requireAllTeams(principal);
    const teamId = request.allTeams ? undefined : requestedTeam(principal, request.teamId);
    const readable = teamId === undefined ? scopes : readableScopes(principal, teamId);
    const filter = startingAt(request, decodeFilter(request.filter, readable));

    using _open = services.streams.open(principal);
    using ending = endOf(services, authenticated, context.signal);
    const subscription: SubscriptionContext = {
      db: services.db,
      hub: services.hub,
      heartbeatMs: services.heartbeatMs,
      filter: request.withheld ? everything : filter,
      signal: ending.signal,
      stopAtHead: request.stopAtHead,
    };
    // A subscription with withheld positions follows everything, and is parted here.
    const isShown = (entry: Entry) => !request.withheld || matches(filter, entry);
    const encode = <P>({ entries, position }: Delivery<P>, cursor: (position: P) => string) => ({
      entries: entries.filter(isShown).map(encodeEntry),
      cursor: cursor(position),
      withheld: entries.filter((entry) => !isShown(entry)).map(encodeWithheld),
    });
    if (teamId === undefined) {
      const start = await globalStart(services.db, request, filter);
      const act = allTeamsRead(services.makeId(), principal, { rpc: "Stream" });
      await services.record(act, ending.signal);
      for await (const delivery of followAllTeams(subscription, start)) {
        yield encode(delivery, encodeGlobalCursor);
      }
    } else {
      const start = teamStart(services.db, teamId, request, filter);
      for await (const delivery of followTeam(subscription, teamId, start)) {
        yield encode(delivery, (position) => encodeCursor(teamId, position));
      }
    }
  };
}

/** A position without what it holds. */
function encodeWithheld({ sequence, leafHash }: Entry) {
  return { sequence, leafHash: leafHash as Uint8Array<ArrayBuffer> };
}
