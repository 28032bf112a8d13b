import { figure, middle, progress } from "../report.ts";
import { median, percentile } from "../samples.ts";
import type { Setting } from "../suite.ts";
import type { Contestant } from "./contestant.ts";
import { startPgbench } from "./pgbench.ts";
import { startAnnals } from "./service.ts";
import { inTurns, type Outcome, ratio, startAll, valuesOf } from "./turns.ts";

const teams = 8;
const share = 0.2;

/** How long one entry takes at a fifth of the peak, beside pgbench at the same rate. */
export async function measureTail(setting: Setting): Promise<void> {
  const { postgres, report, rounds, quick } = setting;
  await using cleanup = new AsyncDisposableStack();
  const options = { protocol: "connect", teams, entries: 1, name: "Annals, Connect" } as const;
  const [connect, grpc] = (await startAll(cleanup, [
    startAnnals(postgres, options),
    startAnnals(postgres, { ...options, protocol: "grpc", name: "Annals, gRPC" }),
  ])) as [Contestant, Contestant];
  const contestants = [connect, grpc, cleanup.use(await startPgbench(setting, "paced"))];
  const seconds = quick ? 1 : 10;
  for (const contestant of contestants) {
    await contestant.run({ kind: "closed", inFlight: 128, seconds: quick ? 1 : 5 });
  }
  const peak = (await connect.run({ kind: "closed", inFlight: 128, seconds: quick ? 1 : 5 }))
    .perSecond;
  const perSecond = Math.round(peak * share);
  progress(`tail: peak ${figure(Math.round(peak))}/s, so ${figure(perSecond)}/s`);
  const outcomes = await inTurns("tail", contestants, rounds, (_, round) => ({
    kind: "open",
    perSecond,
    seconds,
    seed: round + 1,
  }));
  const column = (outcome: Outcome, at: number) =>
    middle(valuesOf(outcome, (turn) => percentile(turn.latenciesMs, at)));
  report.table({
    title: `Record at ${figure(perSecond)} entries a second, 20% of the peak: ms from the intended time`,
    columns: ["", "p50 (median, range)", "p99", "p99.9", "sent late, p99"],
    rows: outcomes.map((outcome) => [
      outcome.contestant.name,
      ...[0.5, 0.99, 0.999].map((at) => column(outcome, at)),
      middle(valuesOf(outcome, (turn) => turn.lagMs)),
    ]),
    note:
      `${rounds} rounds of ${seconds} s in turns; the range is that of the rounds. Arrivals at random ` +
      `times (Poisson) at ${figure(perSecond)} a second, pgbench's by --rate likewise; a call that is ` +
      "sent late has waited since it was due, pgbench's schedule lag is within its latency. Peak: " +
      `${figure(Math.round(peak))}/s by Connect with 128 in flight.`,
  });
  const pgbench = outcomes.at(-1) as Outcome;
  const kept = median(valuesOf(pgbench, (turn) => turn.perSecond));
  if (kept < 0.9 * perSecond) {
    throw new Error(
      `pgbench kept ${figure(Math.round(kept))} of ${figure(perSecond)}/s: no measure`,
    );
  }
  for (const own of outcomes.slice(0, 2)) {
    report.claim({
      id: `tail.${own.contestant.name.endsWith("gRPC") ? "grpc" : "connect"}`,
      goal: "record-tail",
      what: `${own.contestant.name}, p99 over pgbench's at the same rate`,
      measured: ratio(own, pgbench, (turn) => percentile(turn.latenciesMs, 0.99)),
      unit: "times",
      target: { atMost: 2 },
    });
  }
}
