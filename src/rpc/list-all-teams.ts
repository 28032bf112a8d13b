import { platformTeamId } from "../ids.ts";
import { responseLimits, searchLimits } from "../limits.ts";
import type { Entry } from "../log/entry.ts";
import { passesEverything } from "../log/filter.ts";
import { placeBefore, placeOf } from "../log/position.ts";
import { bounded } from "../log/size.ts";
import { type GlobalWindow, placeWithin, readAcrossTeams, readEntry } from "../store/entries.ts";
import { readWatermark } from "../store/heads.ts";
import type { Queryable } from "../store/pool.ts";
import { decodeGlobalCursor, encodeGlobalCursor } from "./cursor.ts";
import type { Page, Query } from "./list-query.ts";
import { allTeamsRead, allTeamsReadAction } from "./own-acts.ts";
import {
  decodeGlobalPageToken,
  decodeTokenCursor,
  encodeGlobalPageToken,
  invalidPageToken,
} from "./page-token.ts";
import { type Principal, turnOwner } from "./principal.ts";
import type { Services } from "./services.ts";

/** How long after it began a list of all teams may go on; then it must be begun, and recorded, anew. */
const listMs = 24 * 3_600_000;

/**
 * Reads a page of all teams' entries. That the principal reads them is recorded before its first
 * page; a page token names that entry, so that none is of use for what was not recorded.
 */
export async function listAllTeams(
  services: Services,
  principal: Principal,
  query: Query,
  signal: AbortSignal,
): Promise<Page> {
  const { db } = services;
  const { filter, order, digest } = query;
  const next = query.pageToken === "" ? undefined : decodeGlobalPageToken(query.pageToken, digest);
  const act = next?.act ?? (await recordReading(services, principal, digest, signal));
  if (next !== undefined) await requireRecorded(db, principal, digest, next.act);
  const cursor = next?.cursor ?? encodeGlobalCursor(placeBefore(await readWatermark(db)));
  const settled = decodeTokenCursor(() => decodeGlobalCursor(cursor)).recordTime;

  const found: Entry[] = [];
  let window: GlobalWindow = {
    beyond: next?.at,
    // Oldest first ends where no entry can come in between any more.
    before: order === "oldest_first" ? settled : undefined,
  };
  let more = true;
  const searches = !passesEverything(filter);
  using _turn = searches
    ? await services.searchTurns.take(turnOwner(principal), { signal })
    : undefined;
  const start = performance.now();
  const isInTime = () => searches && performance.now() - start < searchLimits.searchMs;
  do {
    signal.throwIfAborted();
    const through = searches
      ? await placeWithin(db, window, order, searchLimits.acrossTeamsEntries)
      : undefined;
    const limit = query.limit - found.length;
    const entries = await readAcrossTeams(db, { ...window, through }, filter, order, limit);
    found.push(...entries);
    const last = entries.at(-1);
    if (entries.length === limit && last !== undefined)
      window = { ...window, beyond: placeOf(last) };
    else if (through !== undefined) window = { ...window, beyond: through };
    else more = false;
  } while (more && found.length < query.limit && isInTime());
  const entries = bounded(found, responseLimits.pageBytes);
  const last = entries.at(-1);
  const place = last && placeOf(last);
  const at = entries.length < found.length ? place : more ? window.beyond : undefined;
  const nextPageToken = at === undefined ? "" : encodeGlobalPageToken(digest, { at, cursor, act });
  return { entries, nextPageToken, cursor };
}

async function recordReading(
  { record, makeId }: Services,
  principal: Principal,
  query: string,
  signal: AbortSignal,
): Promise<bigint> {
  const act = allTeamsRead(makeId(), principal, { rpc: "List", query });
  const { sequence } = await record(act, signal);
  return sequence;
}

async function requireRecorded(
  db: Queryable,
  principal: Principal,
  query: string,
  act: bigint,
): Promise<void> {
  const entry = await readEntry(db, platformTeamId, { sequence: act });
  const recorded =
    entry?.action === allTeamsReadAction &&
    entry.recorder.type === "annals" &&
    entry.actor.id === principal.id &&
    entry.details.metadata?.query === query &&
    entry.recordTime > Date.now() - listMs;
  if (!recorded) throw invalidPageToken("was not given to this caller, or is too old");
}
