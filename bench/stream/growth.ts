import { progress } from "../report.ts";
import { median, percentile } from "../samples.ts";
import type { Setting } from "../suite.ts";
import { startContestant } from "./contestants.ts";
import { fanOut } from "./fan-out.ts";
import { live, warmUpOf } from "./live.ts";

/** How latency and the cost of an entry grow with the number of subscribers. */
export async function measureGrowth({
  report,
  postgres,
  quick,
  ...setting
}: Setting): Promise<void> {
  const counts = quick ? [1, 100] : [1, 10, 100, 500, 1_000, 2_000];
  const seconds = quick ? 1 : Math.min(5, setting.seconds);
  const perSecond = 100;
  const points = { p50: [], p99: [], delivered: [] } as Record<string, [number, number][]>;
  const rows = [];
  for (const count of counts) {
    await using forLatency = await startContestant(postgres, {});
    const warmUp = warmUpOf({ quick });
    const load = { subscribers: count, perSecond, seconds, seed: count, ...warmUp };
    const { committed } = await live(forLatency, load);
    await using forFanOut = await startContestant(postgres, {});
    const found = await fanOut(forFanOut, {
      subscribers: count,
      seconds,
      entries: 100,
      inFlight: 2,
    });
    const [p50, p99] = [median(committed), percentile(committed, 0.99)];
    points.p50?.push([count, Math.max(0.01, p50)]);
    points.p99?.push([count, Math.max(0.01, p99)]);
    points.delivered?.push([count, found.perCpuSecond]);
    rows.push([String(count), p50, p99, found.perCpuSecond, found.perSecond]);
    progress(`${count} subscribers: p99 ${p99.toFixed(1)} ms`);
  }
  report.table({
    title: "Growth with the number of subscribers",
    columns: ["subscribers", "p50 ms", "p99 ms", "delivered a CPU second", "delivered a second"],
    rows,
    note: `Latency at ${perSecond} entries a second by Record; delivery as fast as batches are taken.`,
  });
  const x = { label: "subscribers", scale: "log" } as const;
  report.curve({
    title: `Commit → subscriber at ${perSecond} entries a second`,
    goal: "commit-to-subscriber",
    x,
    y: { label: "ms", scale: "log" },
    series: [
      { name: "p50", points: points.p50 ?? [] },
      { name: "p99", points: points.p99 ?? [] },
    ],
  });
  report.curve({
    title: "Entries delivered a second of the server's CPU time",
    goal: "fan-out",
    x,
    y: { label: "entries", scale: "log" },
    series: [{ name: "Annals", points: points.delivered ?? [] }],
  });
}
