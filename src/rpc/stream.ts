import type { HandlerContext } from "@connectrpc/connect";
import type { StreamRequest } from "../../gen/audit/v1/audit_service_pb.ts";
import { AuditError, invalidField, invalidFields } from "../errors.ts";
import { followAllTeams } from "../feed/all-teams-subscription.ts";
import { type Delivery, followTeam, type SubscriptionContext } from "../feed/team-subscription.ts";
import type { TeamId } from "../ids.ts";
import { requestLimits, scanLimits } from "../limits.ts";
import { scopes } from "../log/entry.ts";
import type { Filter } from "../log/filter.ts";
import {
  type GlobalPosition,
  origin,
  type Position,
  placeBefore,
  placeOf,
  positionAfter,
} from "../log/position.ts";
import { placeWithin, readAcrossTeams, readLeafHash, readWindow } from "../store/entries.ts";
import { type Head, sequenceAt } from "../store/heads.ts";
import type { Queryable } from "../store/pool.ts";
import { readableScopes, requestedTeam, requireAllTeams } from "./access.ts";
import { encodeEntry } from "./codec.ts";
import { decodeCursor, decodeGlobalCursor, encodeCursor, encodeGlobalCursor } from "./cursor.ts";
import { decodeFilter } from "./filter-codec.ts";
import { allTeamsRead } from "./own-acts.ts";
import { type Authenticated, authenticatedKey } from "./principal.ts";
import type { Services } from "./services.ts";
import { Violations } from "./text.ts";
import { decodeTime } from "./wire-time.ts";

/** Follows a log, or all of them. */
export function stream(services: Services) {
  return async function* (request: StreamRequest, context: HandlerContext) {
    const authenticated = context.values.get(authenticatedKey);
    const { principal } = authenticated;
    if (request.allTeams && request.teamId !== "") {
      throw invalidField("team_id", "must be empty with all_teams");
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
    };
    const encode = <P>({ entries, position }: Delivery<P>, cursor: (position: P) => string) => ({
      entries: entries.map(encodeEntry),
      cursor: cursor(position),
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

/** The filter that also holds back what is recorded before a start in the future. */
function startingAt({ start }: StreamRequest, filter: Filter): Filter {
  if (start.case !== "fromTime") return filter;
  const time = decodeFromTime(start.value);
  if (time <= Date.now() - clockDifferenceMs) return filter;
  const { recordTime } = filter.include;
  const from = Math.max(time, recordTime?.from ?? time);
  return { ...filter, include: { ...filter.include, recordTime: { ...recordTime, from } } };
}

/** How far the clocks of this replica and of the database may differ. */
const clockDifferenceMs = 60_000;

/** Where a stream of one team starts, once its head is known. Mistakes are thrown at once. */
function teamStart(
  db: Queryable,
  teamId: TeamId,
  { start }: StreamRequest,
  filter: Filter,
): (head: Head) => Promise<Position> {
  const before = async (sequence: bigint, head: Head): Promise<Position> => {
    const previous = sequence - 1n;
    if (previous < head.firstSequence) return { ...origin, sequence: previous };
    const leafHash = await readLeafHash(db, teamId, previous);
    return leafHash === undefined
      ? { ...origin, sequence: previous }
      : positionAfter({ sequence: previous, leafHash });
  };
  switch (start.case) {
    case undefined:
      return async (head) => head.end;
    case "afterCursor": {
      const position = decodeCursor(start.value, teamId);
      return async () => position;
    }
    case "beginning":
      return (head) => before(head.firstSequence, head);
    case "fromTime": {
      const time = decodeFromTime(start.value);
      return async (head) => {
        const sequence = await sequenceAt(db, teamId, time);
        // Entries may have been committed since the head was read.
        const next = head.end.sequence + 1n;
        return before(sequence < next ? sequence : next, head);
      };
    }
    case "last": {
      const count = decodeLast(start.value);
      return async (head) => {
        const window = { from: searchFloor(head), to: head.end.sequence };
        const last = await readWindow(db, teamId, window, filter, "newest_first", count);
        const first = last.at(-1);
        return first === undefined ? head.end : before(first.sequence, head);
      };
    }
  }
}

/** The last matching entries are looked for among so many recent ones. */
const searchedEntries = scanLimits.windowEntries * scanLimits.windowsPerPage;

function searchFloor(head: Head): bigint {
  const floor = head.end.sequence - BigInt(searchedEntries) + 1n;
  return floor > head.firstSequence ? floor : head.firstSequence;
}

/** Where a stream of all teams starts; undefined means now. */
async function globalStart(
  db: Queryable,
  { start }: StreamRequest,
  filter: Filter,
): Promise<GlobalPosition | undefined> {
  switch (start.case) {
    case undefined:
      return undefined;
    case "afterCursor":
      return decodeGlobalCursor(start.value);
    case "beginning":
      return placeBefore(earliestTime);
    case "fromTime":
      return placeBefore(decodeFromTime(start.value));
    case "last": {
      const count = decodeLast(start.value);
      const through = await placeWithin(db, {}, "newest_first", searchedEntries);
      const last = await readAcrossTeams(db, { through }, filter, "newest_first", count);
      const first = last.at(-1);
      return first && { ...placeOf(first), sequence: first.sequence - 1n };
    }
  }
}

const earliestTime = Date.parse("0001-01-01T00:00:00Z");

function decodeFromTime(time: Parameters<typeof decodeTime>[0]): number {
  const violations = new Violations();
  const millis = decodeTime(time, "from_time", violations);
  if (millis !== undefined && millis > Date.now() + clockDifferenceMs) {
    violations.add("from_time", "must not be in the future");
  }
  if (millis === undefined || violations.found.length > 0) throw invalidFields(violations.found);
  return millis;
}

function decodeLast(count: number): number {
  if (count >= 1 && count <= requestLimits.pageEntries) return count;
  throw invalidField("last", `must be from 1 to ${requestLimits.pageEntries}`);
}

/**
 * A signal that aborts when a stream must end: its client left, its credential no longer holds,
 * it is too old, or the server shuts down. The reason is what the stream ends with.
 */
function endOf(
  services: Services,
  { principal, recheck }: Authenticated,
  client: AbortSignal,
): Disposable & { readonly signal: AbortSignal } {
  const ending = new AbortController();
  const onClient = () => ending.abort(client.reason);
  const onShutdown = () =>
    ending.abort(new AuditError("SHUTTING_DOWN", "the server is shutting down"));
  client.addEventListener("abort", onClient, { once: true });
  services.shutdown.addEventListener("abort", onShutdown, { once: true });
  if (client.aborted) onClient();
  if (services.shutdown.aborted) onShutdown();
  const age = setTimeout(() => {
    ending.abort(new AuditError("STREAM_TOO_OLD", "the stream has reached its maximum age"));
  }, services.streamMaxAgeMs);
  const validMs = (principal.expiresAt ?? Number.POSITIVE_INFINITY) - Date.now();
  const expiry =
    validMs < services.streamMaxAgeMs
      ? setTimeout(() => {
          ending.abort(new AuditError("CREDENTIAL_EXPIRED", "the credential has expired"));
        }, validMs)
      : undefined;
  const credential = setInterval(() => {
    recheck().catch((error: unknown) => {
      // Only a credential that no longer holds ends the stream, not a database out of reach.
      if (error instanceof AuditError) ending.abort(error);
      else services.logger.warn({ err: error }, "a stream's credential could not be checked");
    });
  }, services.credentialCheckMs);
  return {
    signal: ending.signal,
    [Symbol.dispose]: () => {
      clearTimeout(age);
      clearTimeout(expiry);
      clearInterval(credential);
      client.removeEventListener("abort", onClient);
      services.shutdown.removeEventListener("abort", onShutdown);
    },
  };
}
