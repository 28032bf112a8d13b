import { randomUUID } from "node:crypto";
import type { MessageInitShape } from "@bufbuild/protobuf";
import { timestampFromDate } from "@bufbuild/protobuf/wkt";
import {
  ActorType,
  type EntryFilterSchema,
  EntryScope,
  EntryStatus,
} from "../../gen/audit/v1/entry_pb.ts";
import { formatTeamId } from "../../src/ids.ts";
import { searchLimits } from "../../src/limits.ts";
import { figure, percentiles, progress } from "../report.ts";
import { percentile } from "../samples.ts";
import type { Setting } from "../suite.ts";
import { sideBySide } from "./pages.ts";
import type { OpenTrail, TrailShelf } from "./shelf.ts";

type Filter = MessageInitShape<typeof EntryFilterSchema>;

/** Of fewer, the slowest hundredth would be three or four: a moment in which the machine does something else. */
const pagesEach = 1_000;
const nobody = "an actor that there is not";

/** What is asked for, and whether it is rare: one entry in a million. */
const filters: readonly [string, "rare" | "common" | "unaided", (trail: OpenTrail) => Filter][] = [
  ["actor", "rare", ({ rare }) => ({ actorIds: [rare.actorId] })],
  ["resource", "rare", ({ rare }) => ({ resourceIds: [rare.resourceId] })],
  ["request", "rare", ({ rare }) => ({ requestIds: [rare.requestId] })],
  ["action", "rare", ({ rare }) => ({ actions: [rare.action] })],
  ["type of resource", "rare", ({ rare }) => ({ resourceTypes: [rare.resourceType] })],
  ["type of actor", "rare", () => ({ actorTypes: [ActorType.ANONYMOUS] })],
  ["status", "rare", () => ({ statuses: [EntryStatus.WARNING] })],
  [
    "scope, of a rare status",
    "rare",
    () => ({ scopes: [EntryScope.ADMIN], statuses: [EntryStatus.WARNING] }),
  ],
  [
    "one of 100 actors",
    "rare",
    ({ rare }) => ({
      actorIds: [...Array.from({ length: 99 }, (_, n) => `someone-${n}`), rare.actorId],
    }),
  ],
  [
    "one of 100 users, far apart",
    "rare",
    ({ rare }) => ({
      actorIds: [...Array.from({ length: 99 }, () => `usr-${randomUUID()}`), rare.actorId],
    }),
  ],
  [nobody, "rare", () => ({ actorIds: ["nobody"] })],
  ["actor `system`", "common", () => ({ actorIds: ["system"] })],
  ["status `success`", "common", () => ({ statuses: [EntryStatus.SUCCESS] })],
  ["scope `admin`", "common", () => ({ scopes: [EntryScope.ADMIN] })],
  ["action `create`", "common", () => ({ actions: ["create"] })],
  [
    "occur time, one page of many",
    "unaided",
    () => ({ occurTime: { to: timestampFromDate(new Date("2002-01-01")) } }),
  ],
];

/** Pages under a filter, by size. */
export async function measureFilters(setting: Setting, shelf: TrailShelf): Promise<void> {
  const { report, quick } = setting;
  const trails = await shelf.open();
  const rows = [];
  const slowest: { name: string; kind: string; millis: number; limited: boolean }[] = [];
  const curves = [];
  for (const [name, kind, filterOf] of filters) {
    progress(`list: by ${name}`);
    let limited = false;
    for (const trail of trails) {
      const found = await search(trail, filterOf(trail));
      if (found === (name === nobody)) throw new Error(`${name}: ${found ? "" : "nothing "}found`);
    }
    const calls = trails.map((trail) => {
      const query = { teamId: formatTeamId(trail.large), filter: filterOf(trail) };
      const read = trail.admin.reading(query);
      return async () => {
        const { millis, page } = await read();
        const { entries, nextPageToken } = page;
        if (kind === "common" && entries.length !== 50) throw new Error(`${name}: a short page`);
        if (nextPageToken !== "" && entries.length < 50) limited = true;
        return millis;
      };
    });
    const bySize = await sideBySide(calls, quick ? 30 : pagesEach);
    rows.push([name, kind, ...bySize.map(percentiles), limited ? "some" : "none"]);
    const last = bySize.at(-1);
    if (last !== undefined) slowest.push({ name, kind, millis: percentile(last, 0.99), limited });
    if (kind === "rare") {
      const points = bySize.map(
        (samples, i) => [trails[i]?.entries ?? 0, percentile(samples, 0.5)] as const,
      );
      curves.push({ name, points });
    }
  }
  report.table({
    title: "First pages of 50 under a filter, the team with half of the entries: p50 and p99 in ms",
    columns: ["by", "matches", ...trails.map(({ entries }) => figure(entries)), "short pages"],
    rows,
    note:
      "Rare: one entry in a million. Unaided: no index helps. Short pages ended at the limit of " +
      `${searchLimits.searchMs} ms of searching, with a token to go on.`,
  });
  report.curve({
    title: "Rare matches by entries",
    goal: "list-filters",
    x: { label: "entries", scale: "log" },
    y: { label: "ms, p50", scale: "log" },
    series: curves,
  });
  const largest = figure(trails.at(-1)?.entries ?? 0);
  for (const { name, kind, millis, limited } of slowest) {
    report.claim({
      id: `list.filter.${name.replaceAll(/[^a-z0-9]+/g, "-")}`,
      // The goal is of rare matches.
      ...(kind !== "common" && { goal: "list-filters" }),
      what: `List by ${name} at ${largest} entries, p99${limited ? ", some pages ending at the limit" : ""}`,
      measured: millis,
      unit: "ms",
      target: { atMost: limited || kind === "unaided" ? 2 * searchLimits.searchMs : 20 },
    });
  }
}

/** Whether there is a match, however many pages it takes to come to it. */
async function search(trail: OpenTrail, filter: Filter): Promise<boolean> {
  const query = { teamId: formatTeamId(trail.large), filter };
  for (let pageToken = ""; ; ) {
    const page = await trail.admin.read({ ...query, pageToken });
    if (page.entries.length > 0) return true;
    if (page.nextPageToken === "") return false;
    pageToken = page.nextPageToken;
  }
}
