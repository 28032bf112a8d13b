import type { HandlerContext } from "@connectrpc/connect";
import type { StreamRequest } from "../../gen/audit/v1/audit_service_pb.ts";
import { invalidField } from "../errors.ts";
import { followAllTeams } from "../feed/all-teams-subscription.ts";
import type { Delivery } from "../feed/delivery.ts";
import { followTeam, type SubscriptionContext } from "../feed/team-subscription.ts";
import { scopes } from "../log/entry.ts";
import type { Position } from "../log/position.ts";
import { readableScopes, requestedTeam, requireAllTeams } from "./access.ts";
import { encodeCursor, encodeGlobalCursor } from "./cursor.ts";
import { decodeFilter } from "./filter-codec.ts";
import { allTeamsRead } from "./own-acts.ts";
import { authenticatedKey, turnOwner } from "./principal.ts";
import type { Services } from "./services.ts";
import { responseKey, StreamBody } from "./stream-body.ts";
import { endOf } from "./stream-end.ts";
import { envelopeOf, streamResponse, wireFormOf } from "./stream-message.ts";
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
    const searchTurn = () =>
      services.searchTurns.take(turnOwner(principal), { signal: ending.signal, patient: true });
    const subscription: SubscriptionContext = {
      db: services.db,
      hub: services.hub,
      heartbeatMs: services.heartbeatMs,
      filter,
      signal: ending.signal,
      searchTurn,
      stopAtHead: request.stopAtHead,
      withheld: request.withheld,
    };
    if (teamId === undefined) {
      const start = await globalStart(services.db, request, filter, searchTurn);
      const act = allTeamsRead(services.makeId(), principal, { rpc: "Stream" });
      await services.record(act, ending.signal);
      const deliveries = followAllTeams(subscription, start);
      yield* messages(deliveries, encodeGlobalCursor, context, ending.signal);
    } else {
      const start = teamStart(services.db, teamId, request, filter, searchTurn);
      const deliveries = followTeam(subscription, teamId, start);
      const cursor = (position: Position) => encodeCursor(teamId, position);
      yield* messages(deliveries, cursor, context, ending.signal);
    }
  };
}

/**
 * Sends deliveries: the first by the library, and what follows straight to the response, if it
 * is given, in envelopes that all who are sent the same share. Else all by the library.
 */
async function* messages<P>(
  deliveries: AsyncIterable<Delivery<P>>,
  cursor: (position: P) => string,
  context: HandlerContext,
  signal: AbortSignal,
) {
  const response = context.values.get(responseKey);
  const form = wireFormOf(context.responseHeader);
  let body: StreamBody | undefined;
  for await (const delivery of deliveries) {
    if (body === undefined) {
      yield streamResponse(delivery, cursor);
      if (response !== undefined) body = new StreamBody(response, signal);
      continue;
    }
    const envelope = envelopeOf(delivery, cursor, form);
    const drained = body.write(envelope instanceof Promise ? await envelope : envelope);
    if (drained !== undefined) await drained;
  }
}
