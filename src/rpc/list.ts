import type { HandlerContext } from "@connectrpc/connect";
import type { ListRequest } from "../../gen/audit/v1/audit_service_pb.ts";
import { invalidField } from "../errors.ts";
import type { TeamId } from "../ids.ts";
import { responseLimits, scanLimits } from "../limits.ts";
import { type Entry, scopes } from "../log/entry.ts";
import { type Filter, passesEverything } from "../log/filter.ts";
import { bounded } from "../log/size.ts";
import { type Order, readWindow, type Window } from "../store/entries.ts";
import { readHead, sequenceAt } from "../store/heads.ts";
import type { Queryable } from "../store/pool.ts";
import { readableScopes, requestedTeam, requireAllTeams } from "./access.ts";
import { encodeEntry } from "./codec.ts";
import { decodeCursor, encodeCursor } from "./cursor.ts";
import { decodeFilter } from "./filter-codec.ts";
import { listAllTeams } from "./list-all-teams.ts";
import { decodeQuery, type Page, type Query } from "./list-query.ts";
import { decodePageToken, decodeTokenCursor, encodePageToken } from "./page-token.ts";
import { authenticatedKey } from "./principal.ts";
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
      page = await listTeam(services.db, teamId, decodeQuery(request, filter, teamId));
    }
    return { ...page, entries: page.entries.map(encodeEntry) };
  };
}

async function listTeam(db: Queryable, teamId: TeamId, query: Query): Promise<Page> {
  const { filter, order, digest } = query;
  const next = query.pageToken === "" ? undefined : decodePageToken(query.pageToken, digest);
  const head = await readHead(db, teamId);
  const cursor = next?.cursor ?? encodeCursor(teamId, head.end);
  // A list ends where the log did when it began, so that the cursor goes on from there.
  const end =
    next === undefined ? head.end : decodeTokenCursor(() => decodeCursor(next.cursor, teamId));

  const bounds = await timeBounds(db, teamId, filter);
  let { from, to } = {
    from: max(head.firstSequence, bounds.from ?? 1n),
    to: min(end.sequence, bounds.to ?? end.sequence),
  };
  if (next !== undefined) {
    if (order === "newest_first") to = min(to, next.at);
    else from = max(from, next.at);
  }

  const found: Entry[] = [];
  const windows = passesEverything(filter) ? 1 : scanLimits.windowsPerPage;
  for (let n = 0; n < windows && from <= to && found.length < query.limit; n++) {
    const window = passesEverything(filter) ? { from, to } : firstStretch({ from, to }, order);
    const limit = query.limit - found.length;
    const entries = await readWindow(db, teamId, window, filter, order, limit);
    found.push(...entries);
    const last = entries.length === limit ? entries.at(-1)?.sequence : undefined;
    if (order === "newest_first") to = (last ?? window.from) - 1n;
    else from = (last ?? window.to) + 1n;
  }
  const entries = bounded(found, responseLimits.pageBytes);
  const last = entries.at(-1);
  if (last !== undefined && entries.length < found.length) {
    if (order === "newest_first") to = last.sequence - 1n;
    else from = last.sequence + 1n;
  }
  const at = order === "newest_first" ? to : from;
  const nextPageToken = from <= to ? encodePageToken(digest, { at, cursor }) : "";
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

/** The part of a window that is searched first. */
function firstStretch({ from, to }: Window, order: Order): Window {
  const length = BigInt(scanLimits.windowEntries);
  return order === "newest_first"
    ? { from: max(from, to - length + 1n), to }
    : { from, to: min(to, from + length - 1n) };
}

function min(a: bigint, b: bigint): bigint {
  return a < b ? a : b;
}

function max(a: bigint, b: bigint): bigint {
  return a > b ? a : b;
}
