import type { HandlerContext } from "@connectrpc/connect";
import type { ListRequest } from "../../gen/audit/v1/audit_service_pb.ts";
import { invalidField } from "../errors.ts";
import type { TeamId } from "../ids.ts";
import { responseLimits, searchLimits } from "../limits.ts";
import { scopes } from "../log/entry.ts";
import { type Filter, matches, passesEverything } from "../log/filter.ts";
import { bounded } from "../log/size.ts";
import { type Order, readEntriesAt, readWindow, type Window } from "../store/entries.ts";
import { readHead, sequenceAt } from "../store/heads.ts";
import type { Queryable } from "../store/pool.ts";
import { search } from "../store/search.ts";
import { readableScopes, requestedTeam, requireAllTeams } from "./access.ts";
import { decodeCursor, encodeCursor } from "./cursor.ts";
import { decodeFilter } from "./filter-codec.ts";
import { listAllTeams } from "./list-all-teams.ts";
import { decodeQuery, type Page, type Query } from "./list-query.ts";
import { listResponse } from "./list-response.ts";
import { decodePageToken, decodeTokenCursor, encodePageToken } from "./page-token.ts";
import { authenticatedKey, type Principal, turnOwner } from "./principal.ts";
import type { Services } from "./services.ts";

/** Reads a page of entries. */
export function list(services: Services) {
  return async (request: ListRequest, context: HandlerContext) => {
    const { principal } = context.values.get(authenticatedKey);
    let page: Page;
    if (request.allTeams) {
      if (request.teamId !== "") throw invalidField("team_id", "must be empty with all_teams");
      requireAllTeams(principal);
      const query = decodeQuery(request, decodeFilter(request.filter, scopes), "*");
      page = await listAllTeams(services, principal, query, context.signal);
    } else {
      const teamId = requestedTeam(principal, request.teamId);
      const filter = decodeFilter(request.filter, readableScopes(principal, teamId));
      const query = decodeQuery(request, filter, teamId);
      page = await listTeam(services, principal, teamId, query, context.signal);
    }
    return listResponse(page, context.responseHeader);
  };
}

async function listTeam(
  services: Services,
  principal: Principal,
  teamId: TeamId,
  query: Query,
  signal: AbortSignal,
): Promise<Page> {
  const { db, searchTurns } = services;
  const { filter, order, limit, digest } = query;
  const next = query.pageToken === "" ? undefined : decodePageToken(query.pageToken, digest);
  const head = await readHead(db, teamId);
  const cursor = next?.cursor ?? encodeCursor(teamId, head.end);
  // A list ends where the log did when it began, so that the cursor goes on from there.
  const end =
    next === undefined ? head.end : decodeTokenCursor(() => decodeCursor(next.cursor, teamId));

  const bounds = await timeBounds(db, teamId, filter);
  const from = max(head.firstSequence, bounds.from ?? 1n);
  const to = min(end.sequence, bounds.to ?? end.sequence);
  const wanted = next === undefined ? { from, to } : goOn({ from, to }, next.at, order);

  const looked = passesEverything(filter) ? wanted : nearest(wanted, order, limit);
  const found = await readWindow(db, teamId, looked, filter, order, limit);
  const last = found.length === limit ? found.at(-1) : undefined;
  let rest = behind(wanted, last?.sequence ?? farEnd(looked, order), order);
  if (last === undefined && rest.from <= rest.to) {
    using _turn = await searchTurns.take(turnOwner(principal), { signal });
    const { searchMs } = searchLimits;
    const limits = { limit: limit - found.length, searchMs };
    const more = await search(db, teamId, rest, filter, order, limits);
    const there = await readEntriesAt(db, teamId, more.sequences, order);
    // It may be another log by now: what is read decides who may see it.
    found.push(...there.filter((entry) => matches(filter, entry)));
    rest = more.rest;
  }
  const entries = bounded(found, responseLimits.pageBytes);
  const shown = entries.at(-1);
  if (shown !== undefined && entries.length < found.length) {
    rest = behind(wanted, shown.sequence, order);
  }
  const at = order === "newest_first" ? rest.to : rest.from;
  const nextPageToken = rest.from <= rest.to ? encodePageToken(digest, { at, cursor }) : "";
  return { entries, nextPageToken, cursor };
}

/** The positions that a filter's record times allow: those never go back within a log. */
async function timeBounds(
  db: Queryable,
  teamId: TeamId,
  filter: Filter,
): Promise<{ from?: bigint; to?: bigint }> {
  const { from, to } = filter.include.recordTime ?? {};
  const [first, beyond] = await Promise.all([
    from === undefined ? undefined : sequenceAt(db, teamId, from),
    to === undefined ? undefined : sequenceAt(db, teamId, to),
  ]);
  return {
    ...(first === undefined ? {} : { from: first }),
    ...(beyond === undefined ? {} : { to: beyond - 1n }),
  };
}

/** The part of a window in which a page is full unless the filter matches rarely. */
function nearest({ from, to }: Window, order: Order, limit: number): Window {
  const length = BigInt(limit * searchLimits.lookedAtEach);
  return order === "newest_first"
    ? { from: max(from, to - length + 1n), to }
    : { from, to: min(to, from + length - 1n) };
}

/** What of a window comes at a position or later in the order of reading. */
function goOn({ from, to }: Window, at: bigint, order: Order): Window {
  return order === "newest_first" ? { from, to: min(to, at) } : { from: max(from, at), to };
}

/** What of a window comes after a position. */
function behind(window: Window, sequence: bigint, order: Order): Window {
  return goOn(window, order === "newest_first" ? sequence - 1n : sequence + 1n, order);
}

function farEnd({ from, to }: Window, order: Order): bigint {
  return order === "newest_first" ? from : to;
}

function min(a: bigint, b: bigint): bigint {
  return a < b ? a : b;
}

function max(a: bigint, b: bigint): bigint {
  return a > b ? a : b;
}
