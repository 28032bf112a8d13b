import { requestLimits, responseLimits, scanLimits } from "../limits.ts";
import type { Entry, Millis } from "../log/entry.ts";
import { passesEverything } from "../log/filter.ts";
import { type GlobalPosition, placeBefore, placeOf } from "../log/position.ts";
import { bounded } from "../log/size.ts";
import { type GlobalWindow, placeWithin, readAcrossTeams } from "../store/entries.ts";
import { readWatermark } from "../store/heads.ts";
import type { Delivery } from "./delivery.ts";
import { nextPageEntries, pageLimits } from "./page-size.ts";
import type { SubscriptionContext } from "./team-subscription.ts";
import { Waiter } from "./waiter.ts";

/** Turns of the loop come no faster, since each reads what is not settled yet once more. */
const leastPauseMs = 25;

/**
 * Follows all teams from a position, or from now if none is given. Entries come as soon as they
 * are there. Its position is a watermark: everything up to it is settled and was delivered; what
 * was delivered beyond it is remembered, so that it comes once in a subscription and at least
 * once over several.
 */
export async function* followAllTeams(
  context: SubscriptionContext,
  start: GlobalPosition | undefined,
): AsyncGenerator<Delivery<GlobalPosition>> {
  const { hub, db, signal, heartbeatMs, stopAtHead } = context;
  using followed = hub.followAll();
  using waiter = new Waiter(followed.topic, signal);
  const begun = await readWatermark(db);
  const delivered = new Map<string, Millis>();
  let position = start ?? placeBefore(begun);
  if (start === undefined || start.recordTime >= begun) {
    // What is not settled yet is followed from the watermark on, but for what is there up to the
    // start: what is committed later comes, wherever its time falls.
    position = placeBefore(begun);
    for (let beyond: GlobalPosition | undefined = position; beyond !== undefined; ) {
      const page = await readPage(context, { beyond, through: start }, requestLimits.pageEntries);
      remember(delivered, page.entries, begun);
      beyond = page.reached;
    }
  }
  const before = stopAtHead ? { before: begun } : {};

  // At once, since headers wait for it, and a search of all teams can take its time.
  yield { entries: [], position };
  let silentSince = performance.now();
  let pageEntries: number = pageLimits.least;
  for (;;) {
    signal.throwIfAborted();
    const { wakes } = followed.topic;
    // Read first: what is committed later than this is recorded later than this.
    const watermark = stopAtHead ? begun : await readWatermark(db);
    for (let beyond: GlobalPosition | undefined = position; beyond !== undefined; ) {
      const page = await readPage(context, { beyond, ...before }, pageEntries);
      pageEntries = nextPageEntries(page.entries, pageEntries);
      const fresh = page.entries.filter((entry) => !delivered.has(key(entry)));
      const entries = bounded(fresh, responseLimits.streamMessageBytes);
      const last = entries.at(-1);
      // What does not fit is read again when the client has taken this: it may be erased by then.
      beyond = last === undefined || entries.length === fresh.length ? page.reached : placeOf(last);
      if (last !== undefined) {
        signal.throwIfAborted();
        remember(delivered, entries, watermark);
        if (last.recordTime < watermark) position = placeOf(last);
        yield { entries, position };
        silentSince = performance.now();
      }
      signal.throwIfAborted();
      if (beyond !== undefined && beyond.recordTime < watermark) position = beyond;
      if (performance.now() - silentSince >= heartbeatMs) {
        yield { entries: [], position };
        silentSince = performance.now();
      }
    }
    if (position.recordTime < watermark) position = placeBefore(watermark);
    for (const [entry, time] of delivered) if (time < watermark) delivered.delete(entry);
    if (stopAtHead) {
      yield { entries: [], position };
      return;
    }
    if (performance.now() - silentSince >= heartbeatMs) {
      yield { entries: [], position };
      silentSince = performance.now();
    }
    await pause(signal);
    const patience = heartbeatMs - (performance.now() - silentSince);
    await waiter.wait(Math.max(1, patience), wakes);
  }
}

/**
 * A page of the entries in a window that pass the filter, oldest first, perhaps empty, and the
 * place that it reached; undefined at the end.
 */
async function readPage(
  { db, filter }: SubscriptionContext,
  window: GlobalWindow,
  limit: number,
): Promise<{ entries: readonly Entry[]; reached: GlobalPosition | undefined }> {
  const stretch = passesEverything(filter)
    ? undefined
    : await placeWithin(db, window, "oldest_first", scanLimits.windowEntries);
  const page = { ...window, through: stretch ?? window.through };
  const entries = await readAcrossTeams(db, page, filter, "oldest_first", limit);
  const last = entries.length === limit ? entries.at(-1) : undefined;
  return { entries, reached: last === undefined ? stretch : placeOf(last) };
}

function key(entry: Entry): string {
  return `${entry.teamId}/${entry.sequence}`;
}

/** Of what is settled, the position is memory enough. */
function remember(delivered: Map<string, Millis>, entries: readonly Entry[], settled: Millis) {
  for (const entry of entries) {
    if (entry.recordTime >= settled) delivered.set(key(entry), entry.recordTime);
  }
}

function pause(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const end = () => {
      clearTimeout(timer);
      signal.removeEventListener("abort", end);
      resolve();
    };
    const timer = setTimeout(end, leastPauseMs);
    signal.addEventListener("abort", end, { once: true });
  });
}
