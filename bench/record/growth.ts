import { median } from "../samples.ts";
import type { Setting } from "../suite.ts";
import { startAnnals, startNaiveContestant } from "./service.ts";
import { inTurns, type Outcome, startAll, valuesOf } from "./turns.ts";

const teams = 8;
const batchesInFlight = 16;
/** Turns at each point; the median is drawn. */
const most = 3;

/** How rates grow with the calls in flight, and rate and CPU with the size of a batch. */
export async function measureGrowth(setting: Setting): Promise<void> {
  const { quick, report } = setting;
  const rounds = quick ? 1 : Math.min(most, setting.rounds);
  const seconds = quick ? 1 : 3;
  const middleOf = (outcome: Outcome, of: "perSecond" | "serverCpu") =>
    median(valuesOf(outcome, (turn) => turn[of]));

  const counts = quick ? [1, 64] : [1, 4, 16, 64, 256];
  const names = { annals: "Annals, Connect", naive: "(a) naive, connect-node" };
  const byCount = await inFlight(setting, names, counts, { rounds, seconds });
  report.curve({
    title: "Record a second by calls in flight",
    goal: "unary-record",
    x: { label: "calls in flight", scale: "log" },
    y: { label: "entries a second", scale: "log" },
    series: Object.values(names).map((name, i) => ({
      name,
      points: byCount.map(({ count, outcomes }) => [
        count,
        middleOf(outcomes[i] as Outcome, "perSecond"),
      ]),
    })),
  });

  const sizes = quick ? [10, 500] : [2, 10, 100, 500];
  const bySize = await batches(setting, sizes, { rounds, seconds });
  const x = { label: "entries a batch", scale: "log" } as const;
  for (const [of, goal, title, label] of [
    ["perSecond", "record-batch", "RecordBatch by size", "entries a second"],
    ["serverCpu", "batch-cpu", "RecordBatch: server's CPU by size", "µs an entry"],
  ] as const) {
    report.curve({
      ...{ title, goal, x, y: { label, scale: "log" } },
      series: [
        {
          name: "Annals, Connect, acknowledged only",
          points: bySize.map((outcome, i) => [sizes[i] as number, middleOf(outcome, of)]),
        },
      ],
    });
  }
}

interface Turns {
  readonly rounds: number;
  readonly seconds: number;
}

async function inFlight(
  { postgres }: Setting,
  names: { readonly annals: string; readonly naive: string },
  counts: readonly number[],
  { rounds, seconds }: Turns,
): Promise<{ count: number; outcomes: Outcome[] }[]> {
  const options = { protocol: "connect", teams, entries: 1 } as const;
  await using cleanup = new AsyncDisposableStack();
  const contestants = await startAll(cleanup, [
    startAnnals(postgres, { ...options, name: names.annals }),
    startNaiveContestant(postgres, "connect", { ...options, name: names.naive }),
  ]);
  const found = [];
  for (const count of counts) {
    const shape = { kind: "closed", inFlight: count, seconds } as const;
    const what = `growth, ${count} in flight`;
    found.push({ count, outcomes: await inTurns(what, contestants, rounds, () => shape) });
  }
  return found;
}

async function batches(
  { postgres }: Setting,
  sizes: readonly number[],
  { rounds, seconds }: Turns,
): Promise<Outcome[]> {
  await using cleanup = new AsyncDisposableStack();
  const contestants = await startAll(
    cleanup,
    sizes.map((entries) => {
      const name = `Annals, batches of ${entries}`;
      return startAnnals(postgres, {
        ...({ name, protocol: "connect", teams, entries, acknowledgeOnly: true } as const),
      });
    }),
  );
  const shape = { kind: "closed", inFlight: batchesInFlight, seconds } as const;
  return await inTurns("growth, batches", contestants, rounds, () => shape);
}
