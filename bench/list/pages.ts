import { ListOrder } from "../../gen/audit/v1/audit_service_pb.ts";
import type { AuditClient } from "../../src/client/client.ts";
import { formatTeamId } from "../../src/ids.ts";
import { figure, percentiles, progress } from "../report.ts";
import { elapsedMillis, percentile, type Samples } from "../samples.ts";
import type { Setting } from "../suite.ts";
import type { OpenTrail, TrailShelf } from "./shelf.ts";

const pageSize = 50;
/** How deep the deep page is, unless the log ends before. */
const deepPages = 10_000;

type Call = () => Promise<unknown>;

/** First pages and deep ones, by size, beside the naive service's. */
export async function measurePages(setting: Setting, shelf: TrailShelf): Promise<void> {
  const { report, quick } = setting;
  const trails = await shelf.open();
  const calls = quick ? 40 : 200;
  const first: Samples[] = [];
  const rows = [];
  const deep: [number, number][] = [];
  const naive: [number, number][] = [];
  const kinds = new Map<string, (trail: OpenTrail) => Promise<Call>>([
    ["first page, admin", async (trail) => page(trail, trail.admin)],
    ["first page, member", async (trail) => page(trail, trail.member)],
    ["first page, oldest first", async (trail) => page(trail, trail.admin, ListOrder.OLDEST_FIRST)],
    ["deep page, admin", async (trail) => deepPage(trail)],
    ["(a) first page: COUNT", async (trail) => page(trail, trail.naive)],
    ["(a) deep page: COUNT, OFFSET", async (trail) => naiveDeepPage(trail)],
  ]);
  for (const [name, kind] of kinds) {
    progress(`list: ${name}`);
    const isNaive = name.startsWith("(a)");
    const bySize = await sideBySide(
      await Promise.all(trails.map(kind)),
      isNaive ? Math.max(3, Math.min(calls, setting.rounds * 3)) : calls,
    );
    rows.push([name, ...bySize.map(percentiles)]);
    const points = bySize.map((s, i) => [trails[i]?.entries ?? 0, percentile(s, 0.5)] as const);
    if (name === "first page, admin") first.push(...bySize);
    if (name === "deep page, admin")
      deep.push(...points.map(([x, y]) => [x, y] as [number, number]));
    if (name.startsWith("(a) first"))
      naive.push(...points.map(([x, y]) => [x, y] as [number, number]));
  }
  report.table({
    title: "Pages of 50 over RPC, the team with half of the entries: p50 and p99 in ms",
    columns: ["entries", ...trails.map(({ entries }) => figure(entries))],
    rows,
    note:
      "The trails of all sizes are read in turns, a call at a time. A deep page is the 10,000th, or " +
      "the last full one. (a) reads the same rows of the same table by the same indexes.",
  });
  const p50 = first.map((samples) => percentile(samples, 0.5));
  report.curve({
    title: "First page by entries",
    goal: "list-first-page",
    x: { label: "entries", scale: "log" },
    y: { label: "ms, p50", scale: "log" },
    series: [
      { name: "first page", points: p50.map((y, i) => [trails[i]?.entries ?? 0, y]) },
      { name: "10,000th page", points: deep },
      { name: "(a) first page", points: naive },
    ],
  });
  const [least, most] = [first[0], first.at(-1)];
  if (least === undefined || most === undefined) throw new Error("there are no trails");
  report.claim({
    id: "list.first-page.growth",
    goal: "list-first-page",
    what: "List first page, p99 in the largest trail to that in the smallest",
    measured: percentile(most, 0.99) / percentile(least, 0.99),
    unit: "×",
    target: { atMost: 1.5 },
  });
  report.claim({
    id: "list.deep-page",
    goal: "list-first-page",
    what: "List 10,000th page, p50 to that of the first",
    measured: (deep.at(-1)?.[1] ?? Number.NaN) / percentile(most, 0.5),
    unit: "×",
    target: { atMost: 1.5 },
  });
  report.claim({
    id: "list.first-page.naive",
    goal: "list-first-page",
    what: "List first page in the largest trail, (a)'s p50 to ours",
    measured: (naive.at(-1)?.[1] ?? Number.NaN) / percentile(most, 0.5),
    unit: "×",
    target: { atLeast: 5 },
  });
}

/** Calls in turns, after a tenth as many that warm up: their times in ms, ascending. */
export async function sideBySide(calls: readonly Call[], times: number): Promise<Samples[]> {
  const samples = calls.map((): number[] => []);
  const warmUp = Math.ceil(times / 10);
  for (let n = 0; n < warmUp + times; n++) {
    for (const [i, call] of calls.entries()) {
      const millis = await elapsedMillis(call);
      if (n >= warmUp) samples[i]?.push(millis);
    }
  }
  return samples.map((each) => each.sort((a, b) => a - b));
}

function page(
  trail: OpenTrail,
  client: AuditClient,
  order: ListOrder = ListOrder.NEWEST_FIRST,
): Call {
  const request = { teamId: formatTeamId(trail.large), pageSize, order };
  return async () => {
    const { entries } = await client.audit.list(request);
    if (entries.length !== pageSize) throw new Error("a page is not full");
  };
}

/** Reached page by page, as a reader does, if by larger ones: a token does not tell their size. */
async function deepPage(trail: OpenTrail): Promise<Call> {
  const request = { teamId: formatTeamId(trail.large), pageSize };
  const above = (Math.min(deepPages, Math.floor(trail.largeSize / pageSize)) - 1) * pageSize;
  let pageToken = "";
  for (let passed = 0; passed < above; ) {
    const size = Math.min(200, above - passed);
    const page = await trail.admin.audit.list({ ...request, pageSize: size, pageToken });
    pageToken = page.nextPageToken;
    passed += page.entries.length;
  }
  return async () => {
    const { entries } = await trail.admin.audit.list({ ...request, pageToken });
    if (entries.length !== pageSize) throw new Error("a deep page is not full");
  };
}

/** Its tokens are offsets. */
function naiveDeepPage(trail: OpenTrail): Call {
  const pages = Math.min(deepPages, Math.floor(trail.largeSize / pageSize));
  const pageToken = String((pages - 1) * pageSize);
  const request = { teamId: formatTeamId(trail.large), pageSize, pageToken };
  return () => trail.naive.audit.list(request);
}
