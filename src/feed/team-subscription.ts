import { AuditError } from "../errors.ts";
import type { TeamId } from "../ids.ts";
import { responseLimits, scanLimits, searchLimits } from "../limits.ts";
import type { Entry } from "../log/entry.ts";
import { type Filter, matches, passesEverything } from "../log/filter.ts";
import { type Position, positionAfter } from "../log/position.ts";
import { bounded } from "../log/size.ts";
import {
  type Leaf,
  readLeafHash,
  readLeafHashes,
  readWindow,
  type Window,
} from "../store/entries.ts";
import { type Head, readHead } from "../store/heads.ts";
import type { Queryable } from "../store/pool.ts";
import type { Delivery } from "./delivery.ts";
import type { Hub } from "./hub.ts";
import { nextPageEntries, pageLimits } from "./page-size.ts";
import type { Topic } from "./topic.ts";
import { Waiter } from "./waiter.ts";

/** What a subscription runs on, and until when. */
export interface SubscriptionContext {
  readonly db: Queryable;
  readonly hub: Hub;
  readonly filter: Filter;
  /** Ends the subscription: it throws the reason. */
  readonly signal: AbortSignal;
  readonly heartbeatMs: number;
  /** End with what is there now. */
  readonly stopAtHead: boolean;
  /** Waits until a long stretch may be searched for what the filter passes; at once unless given. */
  readonly searchTurn?: () => Promise<Disposable>;
  /** Also deliver the positions that the filter leaves out, of one team. */
  readonly withheld?: boolean;
}

/**
 * Follows one team's log from a position: a cursor over the log that takes what comes next from
 * the hub's ring, else a page from the database, and when there is nothing more waits for the
 * hub. Nothing is queued for it; one that is slow just reads pages. The first delivery comes at
 * once, be it empty.
 *
 * @throws AuditError CURSOR_EXPIRED, LOG_CONTRADICTS_CURSOR.
 */
export async function* followTeam(
  context: SubscriptionContext,
  teamId: TeamId,
  start: (head: Head) => Position | Promise<Position>,
): AsyncGenerator<Delivery<Position>> {
  const { db, hub, signal, heartbeatMs } = context;
  using followed = hub.follow(teamId);
  const { topic } = followed;
  const head = await readHead(db, teamId);
  topic.reach(head.end.sequence);
  let position = await start(head);
  await checkPosition(db, teamId, position, head);
  const end = context.stopAtHead ? head.end.sequence : undefined;
  const filterKey = passesEverything(context.filter) ? "" : JSON.stringify(context.filter);
  using waiter = new Waiter(topic, signal);

  let { doubts } = topic;
  let pageEntries: number = pageLimits.least;
  // Whether the filter matched rarely in the page before, so that the next one is a search.
  let rare = false;
  let silentSince = Number.NEGATIVE_INFINITY;
  for (;;) {
    signal.throwIfAborted();
    const { wakes } = topic;
    if (position.sequence > topic.size) throw contradiction(position);
    if (doubts !== topic.doubts) {
      ({ doubts } = topic);
      await checkPosition(db, teamId, position, await readHead(db, teamId));
    }
    const question = `${position.sequence}${context.withheld ? "+" : ":"}${filterKey}`;
    const recent = () => fromRing(topic, position, context, end);
    let delivery = end === undefined ? topic.shared(question, recent) : recent();
    if (delivery === undefined && position.sequence < (end ?? topic.size)) {
      const reading = { limit: pageEntries, rare };
      const page = await fromDatabase(context, teamId, position, end ?? topic.size, reading);
      rare = page.entries.length < pageEntries;
      pageEntries = nextPageEntries(page.entries, pageEntries);
      delivery = firstMessage(page);
    }
    delivery ??= topic.heartbeat(position);
    const advanced = delivery.position.sequence > position.sequence;
    const heartbeatDue = performance.now() - silentSince >= heartbeatMs;
    if (delivery.entries.length > 0 || delivery.withheld?.length || heartbeatDue) {
      signal.throwIfAborted();
      yield delivery;
      silentSince = performance.now();
    }
    ({ position } = delivery);
    if (end !== undefined && position.sequence >= end) return;
    if (!advanced && position.sequence >= topic.size) {
      const patience = heartbeatMs - (performance.now() - silentSince);
      await waiter.wait(Math.max(1, patience), wakes);
    }
  }
}

/** Makes sure that the log still holds what a position has seen and what comes after it. */
async function checkPosition(
  db: Queryable,
  teamId: TeamId,
  position: Position,
  head: Head,
): Promise<void> {
  if (position.sequence > head.end.sequence) throw contradiction(position);
  if (position.sequence + 1n < head.firstSequence) {
    const metadata = { first_sequence: String(head.firstSequence) };
    const message = `the log holds entries from ${head.firstSequence} on only`;
    throw new AuditError("CURSOR_EXPIRED", message, { metadata });
  }
  // The entry of the position itself may have been pruned, with all after it still there.
  if (position.sequence < head.firstSequence) return;
  await checkLeaf(db, teamId, position);
}

async function checkLeaf(db: Queryable, teamId: TeamId, position: Position): Promise<void> {
  const leaf = await readLeafHash(db, teamId, position.sequence);
  const prefix = position.leafPrefix;
  if (leaf === undefined || Buffer.compare(leaf.slice(0, prefix.length), prefix) !== 0) {
    throw contradiction(position);
  }
}

function contradiction(position: Position): AuditError {
  const sequence = String(position.sequence);
  const message = `the log no longer holds entry ${sequence} as the cursor has seen it`;
  return new AuditError("LOG_CONTRADICTS_CURSOR", message, { metadata: { sequence } });
}

/** The next message out of the ring, or undefined if the ring does not have what comes next. */
function fromRing(
  topic: Topic,
  position: Position,
  { filter, withheld }: SubscriptionContext,
  end: bigint | undefined,
): Delivery<Position> | undefined {
  const recent = topic.after(position.sequence, responseLimits.streamMessageEntries);
  const entries = end === undefined ? recent : recent?.filter((entry) => entry.sequence <= end);
  const last = entries?.at(-1);
  if (entries === undefined || last === undefined) return undefined;
  const reached = positionAfter(last);
  if (passesEverything(filter)) return firstMessage({ entries, position: reached });
  return firstMessage({
    entries: entries.filter((entry) => matches(filter, entry)),
    ...(withheld ? { withheld: entries.filter((entry) => !matches(filter, entry)) } : {}),
    position: reached,
  });
}

/**
 * A page after a position that is still there, or a stretch of the log without a match: a short one, or a
 * long one in its turn if the filter matches rarely.
 */
async function fromDatabase(
  { db, filter, searchTurn, withheld = false }: SubscriptionContext,
  teamId: TeamId,
  position: Position,
  upTo: bigint,
  { limit, rare }: { readonly limit: number; readonly rare: boolean },
): Promise<Delivery<Position>> {
  const everyPosition = withheld || passesEverything(filter);
  const looked = BigInt(limit * searchLimits.lookedAtEach);
  const stretch = everyPosition ? BigInt(limit) : rare ? BigInt(scanLimits.windowEntries) : looked;
  const end = position.sequence + stretch;
  const to = upTo < end ? upTo : end;
  const window = { from: position.sequence + 1n, to };
  let entries: readonly Entry[];
  {
    using _turn = to - position.sequence > looked ? await searchTurn?.() : undefined;
    entries = await readWindow(db, teamId, window, filter, "oldest_first", limit);
  }
  const others = withheld ? { withheld: await readOthers(db, teamId, window, entries) } : {};
  // Afterwards, so that what was pruned before the page was read is noticed.
  await checkPosition(db, teamId, position, await readHead(db, teamId));
  const last = entries.at(-1);
  if (last !== undefined && (last.sequence === to || (!withheld && entries.length === limit))) {
    return { entries, ...others, position: positionAfter(last) };
  }
  const leafHash = await readLeafHash(db, teamId, to);
  if (leafHash === undefined) throw contradiction(position);
  return { entries, ...others, position: positionAfter({ sequence: to, leafHash }) };
}

/** The positions of a window that hold none of the entries. What they hold is not read. */
async function readOthers(
  db: Queryable,
  teamId: TeamId,
  window: Window,
  entries: readonly Entry[],
): Promise<Leaf[]> {
  const shown = new Set(entries.map((entry) => entry.sequence));
  if (BigInt(shown.size) === window.to - window.from + 1n) return [];
  const leaves = await readLeafHashes(db, teamId, window);
  return leaves.filter((leaf) => !shown.has(leaf.sequence));
}

/**
 * What of a read goes out now. What does not fit is read again when the client has taken this,
 * which can be long after: it may have been erased by then.
 */
function firstMessage(read: Delivery<Position>): Delivery<Position> {
  const entries = bounded(read.entries, responseLimits.streamMessageBytes);
  const last = entries.at(-1);
  if (last === undefined || entries.length === read.entries.length) return read;
  const withheld = read.withheld?.filter((leaf) => leaf.sequence < last.sequence);
  return { entries, ...(withheld && { withheld }), position: positionAfter(last) };
}
