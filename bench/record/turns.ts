import type { Shape } from "../load/load.ts";
import { type Cell, figure, middle, progress } from "../report.ts";
import { median, medianRatio, type Rounds } from "../samples.ts";
import type { Contestant, Turn } from "./contestant.ts";

/** The turns that a contestant took. */
export interface Outcome {
  readonly contestant: Contestant;
  readonly turns: readonly Turn[];
}

/**
 * Starts contestants side by side, and hands those that have started to `cleanup`.
 *
 * @throws the first one's Error of those that have not.
 */
export async function startAll(
  cleanup: AsyncDisposableStack,
  starting: readonly Promise<Contestant>[],
): Promise<Contestant[]> {
  const settled = await Promise.allSettled(starting);
  for (const each of settled) if (each.status === "fulfilled") cleanup.use(each.value);
  return Promise.all(starting);
}

/**
 * Lets contestants take turns, so many rounds after one that warms up and is not counted, so that what
 * else the machine does befalls all alike; then has each verified.
 */
export async function inTurns(
  what: string,
  contestants: readonly Contestant[],
  rounds: number,
  shapeOf: (contestant: Contestant, round: number) => Shape,
): Promise<Outcome[]> {
  const outcomes = contestants.map((contestant) => ({ contestant, turns: [] as Turn[] }));
  for (let round = 0; round <= rounds; round++) {
    for (const { contestant, turns } of outcomes) {
      const turn = await contestant.run(shapeOf(contestant, round));
      progress(
        `${what}: round ${round} of ${rounds}: ${contestant.name}: ${figure(Math.round(turn.perSecond))}/s`,
      );
      if (round > 0) turns.push(turn);
    }
  }
  for (const { contestant } of outcomes) await contestant.verify();
  return outcomes;
}

/** A value of each of a contestant's turns. */
export function valuesOf({ turns }: Outcome, of: (turn: Turn) => number): Rounds {
  return turns.map(of);
}

/** The median of the ratios of two contestants, round by round. */
export function ratio(one: Outcome, other: Outcome, of: (turn: Turn) => number): number {
  return medianRatio(valuesOf(one, of), valuesOf(other, of));
}

/** The columns that {@link rateRow} fills. */
export const rateColumns = [
  "",
  "entries/s (median, range)",
  "server's CPU, µs an entry",
  "PostgreSQL's",
  "the load's",
  "server's peak memory, MiB",
];

/** A contestant's row: rate, CPU an entry, memory. */
export function rateRow(outcome: Outcome): Cell[] {
  const cpu = (of: (turn: Turn) => number): Cell => {
    const value = median(valuesOf(outcome, of));
    return value > 0 ? value : "–";
  };
  const peak = outcome.contestant.peakBytes();
  return [
    outcome.contestant.name,
    middle(valuesOf(outcome, (turn) => turn.perSecond)),
    cpu((turn) => turn.serverCpu),
    cpu((turn) => turn.postgresCpu),
    cpu((turn) => turn.loadCpu),
    peak === 0 ? "–" : peak / 2 ** 20,
  ];
}
