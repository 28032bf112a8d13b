import { middle, progress } from "../report.ts";
import { median, medianRatio, percentile } from "../samples.ts";
import type { Setting } from "../suite.ts";
import { type ContestantOptions, startContestant } from "./contestants.ts";
import { type LiveLatencies, live, warmUpOf } from "./live.ts";

const contestants: Readonly<Record<string, ContestantOptions>> = {
  Annals: {},
  "(a) naive": { naive: true },
  "Annals, across replicas": { replicas: true },
};

/** What it has recorded in a second takes it ten to send. */
const naiveWarmUpSeconds = 0.5;

/** How soon subscribers get what was committed, beside the naive service, and from another replica. */
export async function measureLatency(setting: Setting): Promise<void> {
  const { report, postgres, quick } = setting;
  // The naive service takes many seconds to send what is recorded in one.
  const rounds = quick ? 1 : setting.rounds;
  const load = {
    subscribers: 100,
    perSecond: 500,
    seconds: quick ? 1 : Math.min(5, setting.seconds),
    ...warmUpOf(setting),
  };
  const figures = new Map<string, Record<"p50" | "p99" | "due50" | "due99", number>[]>();
  for (let round = 0; round < rounds; round++) {
    for (const [name, options] of Object.entries(contestants)) {
      await using contestant = await startContestant(postgres, options);
      const warmUp = options.naive ? { warmUpSeconds: naiveWarmUpSeconds } : {};
      const found = summary(await live(contestant, { ...load, ...warmUp, seed: round + 1 }));
      figures.set(name, [...(figures.get(name) ?? []), found]);
      progress(`${name}: p50 ${found.p50.toFixed(2)} ms, p99 ${found.p99.toFixed(2)} ms`);
    }
  }
  type Figure = keyof ReturnType<typeof summary>;
  const of = (name: string, figure: Figure) =>
    (figures.get(name) ?? []).map((found) => found[figure]);
  const middleOf = (name: string, figure: Figure) => median(of(name, figure));
  report.table({
    title: `${load.subscribers} subscribers, ${load.perSecond} entries a second by Record`,
    columns: ["", "p50 ms", "p99 ms", "p50 ms since due", "p99 ms since due"],
    rows: Object.keys(contestants).map((name) => [
      name,
      ...(["p50", "p99", "due50", "due99"] as const).map((figure) => middle(of(name, figure))),
    ]),
    note:
      "Time from the arrival of the writer's answer, which says that the entry is committed, to its arrival " +
      "at each subscriber (before that answer: 0), and from the time that the entry was to be sent. Writer " +
      "and subscribers, each with a connection of its own, are one process. Each figure is the median of " +
      `${rounds} rounds and their range. Every subscriber got every entry once.`,
  });
  const goal = "commit-to-subscriber";
  report.claim({
    ...{ id: "stream.latency.p50", goal, what: "commit → subscriber, p50", unit: "ms" },
    ...{ measured: middleOf("Annals", "p50"), target: { atMost: 3 } },
  });
  report.claim({
    ...{ id: "stream.latency.p99", goal, what: "commit → subscriber, p99", unit: "ms" },
    ...{ measured: middleOf("Annals", "p99"), target: { atMost: 20 } },
  });
  report.claim({
    ...{ id: "stream.latency.naive", goal, what: "p99 of (a) over ours", unit: "×" },
    ...{
      measured: medianRatio(of("(a) naive", "p99"), of("Annals", "p99")),
      target: { atLeast: 5 },
    },
  });
  report.claim({
    ...{ id: "stream.latency.replicas", goal, what: "across replicas, p99", unit: "ms" },
    ...{ measured: middleOf("Annals, across replicas", "p99"), target: { atMost: 100 } },
  });
}

function summary({ committed, due }: LiveLatencies) {
  return {
    p50: median(committed),
    p99: percentile(committed, 0.99),
    due50: median(due),
    due99: percentile(due, 0.99),
  };
}
