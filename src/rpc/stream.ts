import type { HandlerContext } from "@connectrpc/connect";
import type { StreamRequest } from "../../gen/audit/v1/audit_service_pb.ts";
import { invalidField } from "../errors.ts";
import { followAllTeams } from "../feed/all-teams-subscription.ts";
import { type Delivery, followTeam, type SubscriptionContext } from "../feed/team-subscription.ts";
import { scopes } from "../log/entry.ts";
import type { Leaf } from "../store/entries.ts";
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
      filter,
      signal: ending.signal,
      stopAtHead: request.stopAtHead,
      withheld: request.withheld,
    };
    const encode = <P>(
      { entries, withheld = [], position }: Delivery<P>,
      cursor: (position: P) => string,
    ) => ({
      entries: entries.map(encodeEntry),
      cursor: cursor(position),
      withheld: withheld.map(encodeWithheld),
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

/** A position, and no more of what it holds than its hash. */
function encodeWithheld({ sequence, leafHash }: Leaf) {
  return { sequence, leafHash: leafHash as Uint8Array<ArrayBuffer> };
}
