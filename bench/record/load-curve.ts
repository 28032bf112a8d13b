import { progress } from "../report.ts";
import { median, percentile } from "../samples.ts";
import type { Setting } from "../suite.ts";
import type { Contestant, Turn } from "./contestant.ts";
import { startPgbench } from "./pgbench.ts";
import { startAnnals, startNaiveContestant } from "./service.ts";
import { type Outcome, startAll, valuesOf } from "./turns.ts";

const teams = 8;
const shares = [0.05, 0.1, 0.2, 0.4, 0.6, 0.8, 0.9];
const quickShares = [0.2, 0.8];
/** Turns at each rate; the median is drawn. */
const most = 3;

/** How latency grows with the offered load, of each at shares of its own peak. */
export async function measureLoadCurve(setting: Setting): Promise<void> {
  const { postgres, report, quick } = setting;
  await using cleanup = new AsyncDisposableStack();
  const options = { protocol: "connect", teams, entries: 1, name: "Annals, Connect" } as const;
  const contestants: readonly Contestant[] = [
    ...(await startAll(cleanup, [
      startAnnals(postgres, options),
      startNaiveContestant(postgres, "connect", { ...options, name: "(a) naive, connect-node" }),
    ])),
    cleanup.use(await startPgbench(setting, "single")),
  ];
  const closed = { kind: "closed", inFlight: 128, seconds: quick ? 1 : 5 } as const;
  const peaks = new Map<Contestant, number>();
  for (const contestant of contestants) {
    if (!quick) await contestant.run(closed);
    peaks.set(contestant, (await contestant.run(closed)).perSecond);
  }
  const points: { contestant: Contestant; offered: number; outcome: Outcome }[] = [];
  for (const share of quick ? quickShares : shares) {
    const turns = contestants.map(() => [] as Turn[]);
    const rates = contestants.map((each) => Math.round((peaks.get(each) ?? 0) * share));
    for (let round = 0; round < (quick ? 1 : Math.min(most, setting.rounds)); round++) {
      for (const [i, contestant] of contestants.entries()) {
        const perSecond = rates[i] ?? 1;
        turns[i]?.push(
          await contestant.run({
            kind: "open",
            perSecond,
            seconds: quick ? 1 : 5,
            seed: round + 1,
          }),
        );
      }
    }
    progress(`load: ${share * 100}% of the peaks`);
    for (const [i, contestant] of contestants.entries()) {
      const outcome = { contestant, turns: turns[i] ?? [] };
      points.push({ contestant, offered: rates[i] ?? 0, outcome });
    }
  }
  for (const contestant of contestants) await contestant.verify();
  const value = (outcome: Outcome, of: (turn: Turn) => number) => median(valuesOf(outcome, of));
  const latency = (at: number) => (turn: Turn) => percentile(turn.latenciesMs, at);
  report.table({
    title: "Record under offered load: ms from the intended time",
    columns: ["", "offered/s", "answered/s", "p50", "p99"],
    rows: points.map(({ contestant, offered, outcome }) => [
      contestant.name,
      offered,
      value(outcome, (turn) => turn.perSecond),
      value(outcome, latency(0.5)),
      value(outcome, latency(0.99)),
    ]),
    note:
      "Arrivals at random times (Poisson) at shares of each one's own peak with 128 in flight. pgbench has " +
      "the number of clients that is best at its peak, which makes its tail longer at small shares.",
  });
  for (const [name, at] of [
    ["p50", 0.5],
    ["p99", 0.99],
  ] as const) {
    report.curve({
      title: `Record: ${name} over offered load`,
      goal: "record-tail",
      x: { label: "entries offered a second", scale: "log" },
      y: { label: `${name}, ms from the intended time`, scale: "log" },
      series: contestants.map((contestant) => ({
        name: contestant.name,
        points: points
          .filter((point) => point.contestant === contestant)
          .map(({ offered, outcome }) => [offered, value(outcome, latency(at))] as const),
      })),
    });
  }
}
