import { ListOrder } from "../../gen/audit/v1/audit_service_pb.ts";
import { formatTeamId } from "../../src/ids.ts";
import { figure, percentiles, progress } from "../report.ts";
import { median, medianRatio, percentile, type Rounds, type Samples } from "../samples.ts";
import type { Setting } from "../suite.ts";
import type { ListQuery, PageReader } from "./page-reader.ts";
import type { OpenTrail, TrailShelf } from "./shelf.ts";

const pageSize = 50;
/** How deep the deep page is, unless the log ends before. */
const deepPages = 10_000;
/** Of the naive service in a round: they take seconds. */
const naiveCalls = 3;

/** Answers how many milliseconds it took. */
type Call = () => Promise<number>;

/** First pages and deep ones, by size, beside the naive service's. */
export async function measurePages(setting: Setting, shelf: TrailShelf): Promise<void> {
  const { report, quick, rounds } = setting;
  const trails = await shelf.open();
  const prepare = (way: (trail: OpenTrail) => Call | Promise<Call>) =>
    Promise.all(trails.map(async (trail) => way(trail)));
  const oldest = ListOrder.OLDEST_FIRST;
  const kinds = {
    "first page, admin": await prepare((trail) => page(trail, trail.admin)),
    "first page, member": await prepare((trail) => page(trail, trail.member)),
    "first page, admin, by gzip": await prepare((trail) => page(trail, trail.packed)),
    "first page, oldest first": await prepare((trail) => page(trail, trail.admin, oldest)),
    "deep page, admin": await prepare(deepPage),
    "(a) first page: COUNT": await prepare((trail) => page(trail, trail.naive)),
    "(a) deep page: COUNT, OFFSET": await prepare(naiveDeepPage),
  };
  type Kind = keyof typeof kinds;
  const names = Object.keys(kinds) as Kind[];
  /** By kind, then by round, then by trail. */
  const found = new Map<Kind, Samples[][]>(names.map((name) => [name, []]));
  for (let round = 1; round <= rounds; round++) {
    progress(`list: pages, round ${round} of ${rounds}`);
    for (const name of names) {
      const times = name.startsWith("(a)") ? naiveCalls : quick ? 20 : 200;
      found.get(name)?.push(await sideBySide(kinds[name], times));
    }
  }
  const all = (name: Kind, trail: number): Samples =>
    (found.get(name) ?? []).flatMap((round) => round[trail] ?? []).sort((a, b) => a - b);
  const each = (name: Kind, trail: number, share: number): Rounds =>
    (found.get(name) ?? []).map((round) => percentile(round.at(trail) ?? [], share));
  report.table({
    title: "Pages of 50 over RPC, the team with half of the entries: p50 and p99 in ms",
    columns: ["entries", ...trails.map(({ entries }) => figure(entries))],
    rows: names.map((name) => [name, ...trails.map((_, i) => percentiles(all(name, i)))]),
    note:
      `${rounds} rounds, in which the trails of all sizes are read in turns, a call at a time. A deep page is ` +
      "the 10,000th, or the last full one. (a) reads the same rows of the same table by the same indexes. " +
      "Until the last byte of the answer, which is in binary, packed where it says so, and not decoded in that time.",
  });
  report.curve({
    title: "First page by entries",
    goal: "list-first-page",
    x: { label: "entries", scale: "log" },
    y: { label: "ms, p50", scale: "log" },
    series: (
      [
        ["first page", "first page, admin"],
        ["10,000th page", "deep page, admin"],
        ["(a) first page", "(a) first page: COUNT"],
      ] as const
    ).map(([name, kind]) => ({
      name,
      points: trails.map(({ entries }, i) => [entries, median(all(kind, i))] as const),
    })),
  });
  const goal = "list-first-page";
  const [least = 0, most = 0] = [trails[0]?.entries, trails.at(-1)?.entries];
  const deep = Math.min(deepPages, Math.floor((trails.at(-1)?.largeSize ?? 0) / pageSize));
  report.claim({
    ...{ id: "list.first-page.growth", goal, unit: "×", target: { atMost: 1.5 } },
    what: `List first page, p99 at ${figure(most)} entries to that at ${figure(least)}`,
    measured: medianRatio(each("first page, admin", -1, 0.99), each("first page, admin", 0, 0.99)),
  });
  report.claim({
    ...{ id: "list.deep-page", goal, unit: "×", target: { atMost: 1.5 } },
    what: `List ${figure(deep)}th page at ${figure(most)} entries, p50 to that of the first`,
    measured: medianRatio(each("deep page, admin", -1, 0.5), each("first page, admin", -1, 0.5)),
  });
  report.claim({
    ...{ id: "list.first-page.naive", goal, unit: "×", target: { atLeast: 5 } },
    what: `List first page at ${figure(most)} entries, (a)'s p50 to ours`,
    measured: medianRatio(
      each("(a) first page: COUNT", -1, 0.5),
      each("first page, admin", -1, 0.5),
    ),
  });
}

/** Calls in turns, after a tenth as many that warm up: their times in ms, ascending. */
export async function sideBySide(calls: readonly Call[], times: number): Promise<Samples[]> {
  const samples = calls.map((): number[] => []);
  const warmUp = Math.ceil(times / 10);
  for (let n = 0; n < warmUp + times; n++) {
    for (const [i, call] of calls.entries()) {
      const millis = await call();
      if (n >= warmUp) samples[i]?.push(millis);
    }
  }
  return samples.map((each) => each.sort((a, b) => a - b));
}

function page(
  trail: OpenTrail,
  reader: PageReader,
  order: ListOrder = ListOrder.NEWEST_FIRST,
): Call {
  return fullPages(reader, { teamId: formatTeamId(trail.large), pageSize, order });
}

function fullPages(reader: PageReader, query: ListQuery): Call {
  const read = reader.reading(query);
  return async () => {
    const { millis, page } = await read();
    if (page.entries.length !== pageSize) throw new Error("a page is not full");
    return millis;
  };
}

/** Reached page by page, as a reader does, if by larger ones: a token does not tell their size. */
async function deepPage(trail: OpenTrail): Promise<Call> {
  const query = { teamId: formatTeamId(trail.large), pageSize };
  const above = (Math.min(deepPages, Math.floor(trail.largeSize / pageSize)) - 1) * pageSize;
  let pageToken = "";
  for (let passed = 0; passed < above; ) {
    const size = Math.min(200, above - passed);
    const page = await trail.admin.read({ ...query, pageSize: size, pageToken });
    pageToken = page.nextPageToken;
    passed += page.entries.length;
  }
  return fullPages(trail.admin, { ...query, pageToken });
}

/** Its tokens are offsets. */
function naiveDeepPage(trail: OpenTrail): Call {
  const pages = Math.min(deepPages, Math.floor(trail.largeSize / pageSize));
  const pageToken = String((pages - 1) * pageSize);
  return fullPages(trail.naive, { teamId: formatTeamId(trail.large), pageSize, pageToken });
}
