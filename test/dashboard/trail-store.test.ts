import { Code, ConnectError } from "@connectrpc/connect";
import { expect, test } from "vitest";
import { ErrorInfoSchema } from "../../gen/google/rpc/error_details_pb.ts";
import type { EntryJson } from "../../src/client/entry-json.ts";
import type { EntryPage, PageQuery } from "../../src/client/list.ts";
import { trailRow } from "../../src/dashboard/trail/trail-row.ts";
import { TrailStore } from "../../src/dashboard/trail/trail-store.ts";
import { logEntries } from "./trail-rows.ts";

const limits = { rows: 1_000, liveRows: 300 };

/** A log that is paged as the server does it: by token, bound to its filter, ending where it began. */
class Log {
  entries: EntryJson[] = [];
  /** Pages asked for. */
  asked: PageQuery[] = [];
  /** Answers instead of the next page. */
  failure: ConnectError | undefined;
  /** Positions searched for one page. */
  searched = Number.POSITIVE_INFINITY;

  readonly listPage = async (query: PageQuery = {}): Promise<EntryPage> => {
    this.asked.push(query);
    if (this.failure) throw this.failure;
    const { filter = {}, order = "newest", pageSize = 50, pageToken } = query;
    const [at, head] = pageToken?.split("/").map(Number) ?? [0, this.entries.length];
    const log = this.entries.slice(0, head);
    const inOrder = order === "newest" ? log.toReversed() : log;
    const { from, to } = filter.recordTime ?? {};
    const inRange = inOrder.filter(({ recordTime }) => {
      const ms = Date.parse(recordTime);
      return ms >= (from?.getTime() ?? -Infinity) && ms < (to?.getTime() ?? Infinity);
    });
    const found: EntryJson[] = [];
    let next = at ?? 0;
    const end = Math.min(inRange.length, next + this.searched);
    for (; next < end && found.length < pageSize; next++) {
      const entry = inRange[next];
      if (entry && (filter.actions ?? [entry.action]).includes(entry.action)) found.push(entry);
    }
    return {
      entries: found,
      ...(next < inRange.length && { nextPageToken: `${next}/${head}` }),
      cursor: String(head),
    };
  };
}

function open(log: Log, options: { at?: number; actions?: string[] } = {}) {
  const filter = options.actions ? { actions: options.actions } : {};
  const query = { teamId: undefined, allTeams: false, filter };
  const store = new TrailStore(log, query, options.at, limits);
  store.open();
  return store;
}

function logOf(count: number): Log {
  const log = new Log();
  log.entries = logEntries("a", 1, count);
  return log;
}

const sequences = (store: TrailStore) => store.getRows().rows.map(({ sequence }) => sequence);
const settled = (store: TrailStore) =>
  expect
    .poll(() => [store.getRows().older.kind, store.getRows().newer.kind])
    .not.toContain("loading");
const down = (from: number, to: number) =>
  Array.from({ length: from - to + 1 }, (_, n) => from - n);

test("the rows come newest first, page by page, to the beginning of the log", async () => {
  const store = open(logOf(250));
  await settled(store);
  expect(sequences(store)).toEqual(down(250, 151));
  expect(store.getRows().older).toEqual({ kind: "more" });
  expect(store.cursor).toBe("250");
  await store.read("older");
  await store.read("older");
  expect(sequences(store)).toEqual(down(250, 1));
  expect(store.getRows().older).toEqual({ kind: "end" });
});

test("empty pages are not the end: it reads on, and asks after a while", async () => {
  const log = logOf(5_000);
  log.searched = 30;
  const store = open(log, { actions: ["none"] });
  await settled(store);
  expect(store.getRows().older).toEqual({ kind: "searched" });
  expect(log.asked).toHaveLength(10);
  await store.read("older");
  expect(log.asked).toHaveLength(20);
  log.searched = 10_000;
  await store.read("older");
  expect(store.getRows().older).toEqual({ kind: "end" });
  expect(sequences(store)).toEqual([]);
});

test("from a time on it is read both ways, and joins without a gap or a repeat", async () => {
  const log = logOf(900);
  const at = Date.parse(log.entries[449]?.recordTime ?? "");
  const store = open(log, { at });
  await settled(store);
  await expect.poll(() => store.getRows().rows.length).toBe(200);
  // Three entries share a millisecond: 450, 451 and 452 are all at the time.
  expect(sequences(store)).toEqual(down(552, 353));
  expect(store.cursor).toBeUndefined();
  while (store.getRows().newer.kind === "more") await store.read("newer");
  while (store.getRows().older.kind === "more") await store.read("older");
  expect(sequences(store)).toEqual(down(900, 1));
  expect(store.getRows().newer).toEqual({ kind: "end" });
  expect(store.cursor).toBe("900");
});

test("beyond its limit it lets go of the newest, and reads them again on the way back", async () => {
  const store = open(logOf(2_500));
  await settled(store);
  while (store.getRows().older.kind === "more") await store.read("older");
  expect(sequences(store)).toEqual(down(1_000, 1));
  expect(store.getRows().newer).toEqual({ kind: "more" });
  expect(store.cursor).toBeUndefined();
  while (store.getRows().newer.kind === "more") await store.read("newer");
  expect(sequences(store)).toEqual(down(2_500, 1_501));
  expect(store.getRows().older).toEqual({ kind: "more" });
  expect(store.cursor).toBe("2500");
});

test("arrivals come on top; what is trimmed below is read again in its place", async () => {
  const log = logOf(400);
  const store = open(log);
  await settled(store);
  log.entries = logEntries("a", 1, 1_400);
  for (let from = 401; from <= 1_400; from += 50) {
    const rows = logEntries("a", from, from + 49).map(trailRow);
    store.arrive({ rows, dropped: 0, droppedMs: undefined }, String(from + 49), false);
  }
  expect(sequences(store).length).toBeLessThanOrEqual(800);
  expect(store.cursor).toBe("1400");
  while (store.getRows().older.kind === "more") await store.read("older");
  // Paging keeps more rows than following, and lets go of the newest in turn.
  expect(sequences(store)).toEqual(down(1_000, 1));
  while (store.getRows().newer.kind === "more") await store.read("newer");
  expect(sequences(store)).toEqual(down(1_400, 401));
});

test("after a gap the arrivals stand alone, and what was given up is below them", async () => {
  const log = logOf(400);
  const store = open(log);
  await settled(store);
  log.entries = logEntries("a", 1, 900);
  const given = logEntries("a", 401, 800).map(trailRow);
  const rows = logEntries("a", 801, 900).map(trailRow);
  const droppedMs = Math.max(...given.map(({ recordTime }) => Date.parse(recordTime)));
  const { generation } = store.getRows();
  store.arrive({ rows, dropped: given.length, droppedMs }, "900", false);
  expect(store.getRows().generation).toBe(generation + 1);
  expect(sequences(store)).toEqual(down(900, 801));
  while (store.getRows().older.kind === "more") await store.read("older");
  expect(sequences(store)).toEqual(down(900, 1));
});

test("over all teams, what arrives out of order is neither lost nor shown twice", async () => {
  const log = new Log();
  // By record time, as they are listed; "b" commits later than "a" what it recorded at the same time.
  const [a, b] = [logEntries("a", 1, 600), logEntries("b", 1, 600)];
  log.entries = a.flatMap((entry, n) => [entry, b[n] as EntryJson]);
  log.entries.sort((x, y) => Date.parse(x.recordTime) - Date.parse(y.recordTime));
  const store = new TrailStore(log, { teamId: undefined, allTeams: true, filter: {} }, undefined, {
    rows: 2_000,
    liveRows: 100,
  });
  const whole = log.entries;
  log.entries = whole.slice(0, 20);
  store.open();
  await settled(store);
  const later = whole.slice(20);
  const arriving = [...later].sort((x, y) => arrival(x) - arrival(y));
  log.entries = whole;
  for (let n = 0; n < arriving.length; n += 40) {
    const rows = arriving.slice(n, n + 40).map(trailRow);
    store.arrive({ rows, dropped: 0, droppedMs: undefined }, "1", false);
  }
  expect(store.getRows().rows.length).toBeLessThan(700);
  while (store.getRows().older.kind === "more") await store.read("older");
  const keys = store.getRows().rows.map(({ key }) => key);
  expect(new Set(keys).size).toBe(keys.length);
  expect(new Set(keys)).toEqual(new Set(whole.map((entry) => trailRow(entry).key)));
});

function arrival({ sequence, teamId }: EntryJson): number {
  return Number(sequence) + (teamId.endsWith("61") ? 0 : 30);
}

test("a failure is shown, and tried again when asked", async () => {
  const log = logOf(150);
  const store = open(log);
  await settled(store);
  log.failure = new ConnectError("not now", Code.PermissionDenied);
  await store.read("older");
  expect(store.getRows().older).toMatchObject({ kind: "failed", error: log.failure });
  log.failure = undefined;
  store.renew();
  await settled(store);
  expect(sequences(store)).toEqual(down(150, 1));
});

test("a page that no longer joins the rows is left out", async () => {
  const log = logOf(700);
  const store = open(log);
  await settled(store);
  const reading = store.read("older");
  const rows = logEntries("a", 701, 1_600).map(trailRow);
  log.entries = logEntries("a", 1, 1_600);
  // So many that the rows which the page was to join are trimmed.
  store.arrive({ rows, dropped: 0, droppedMs: undefined }, "1600", false);
  await reading;
  expect(sequences(store)).toEqual(down(1_600, 1_301));
  while (sequences(store).at(-1) !== 1 && store.getRows().older.kind === "more") {
    await store.read("older");
  }
  expect(sequences(store)).toEqual(down(1_000, 1));
});

test("a page token that is refused before anything was found begins the search anew", async () => {
  const log = logOf(50);
  log.searched = 2;
  const store = open(log, { actions: ["pause"] });
  await expect.poll(() => store.getRows().older.kind).toBe("searched");
  const { listPage } = log;
  const info = { reason: "PAGE_TOKEN_INVALID" };
  const details = [{ desc: ErrorInfoSchema, value: info }];
  const refusal = new ConnectError("another key", Code.InvalidArgument, undefined, details);
  const refusing = async (query: PageQuery = {}) => {
    if (query.pageToken !== undefined && log.searched === 2) throw refusal;
    return listPage(query);
  };
  Object.assign(log, { listPage: refusing });
  const reading = store.read("older");
  log.entries = log.entries.map((each) => ({ ...each, action: "pause" }));
  await reading;
  expect(sequences(store)).toEqual([50, 49]);
});

test("a closed trail says nothing more, and opens again", async () => {
  const log = logOf(120);
  const store = open(log);
  store.close();
  await settled(store);
  expect(sequences(store)).toEqual([]);
  store.open();
  await settled(store);
  expect(sequences(store)).toEqual(down(120, 21));
});
