import { median } from "../samples.ts";
import type { Setting } from "../suite.ts";
import { startPgbench } from "./pgbench.ts";
import { startAnnals } from "./service.ts";
import { inTurns, type Outcome, rateColumns, rateRow, ratio, startAll, valuesOf } from "./turns.ts";

const batchEntries = 100;
const inFlight = 16;
const teams = 8;
/** Times as many rounds as others: what is done in one varies by a seventh, and the ratio is near its goal. */
const moreRounds = 3;

/** How many entries a second are recorded in batches, beside what the database can do. */
export async function measureBatch(setting: Setting): Promise<void> {
  const { postgres, report, quick } = setting;
  const rounds = setting.rounds * (quick ? 1 : moreRounds);
  await using cleanup = new AsyncDisposableStack();
  const annals = (name: string, protocol: "connect" | "grpc", acknowledgeOnly: boolean) =>
    startAnnals(postgres, { name, protocol, teams, entries: batchEntries, acknowledgeOnly });
  const contestants = [
    ...(await startAll(cleanup, [
      annals("Annals, Connect, acknowledged only", "connect", true),
      annals("Annals, Connect, entries answered", "connect", false),
      ...(quick ? [] : [annals("Annals, gRPC, acknowledged only", "grpc", true)]),
    ])),
    cleanup.use(await startPgbench(setting, "batch")),
  ];
  const outcomes = await inTurns("batch", contestants, rounds, () => ({
    kind: "closed",
    inFlight,
    seconds: quick ? 1 : 5,
  }));
  report.table({
    title: `RecordBatch of ${batchEntries}, ${inFlight} calls in flight`,
    columns: rateColumns,
    rows: outcomes.map(rateRow),
    note:
      `${rounds} rounds in turns, ${teams} teams; a batch is of one of them. Acknowledged ` +
      "only is what recorders ask for. pgbench inserts 200 rows of one team a transaction: the best of " +
      "`unnest` of arrays and a list of VALUES that is parsed once and never sent again.",
  });
  const own = outcomes[0] as Outcome;
  const pgbench = outcomes.at(-1) as Outcome;
  const middleOf = (of: Parameters<typeof valuesOf>[1]) => median(valuesOf(own, of));
  report.claim({
    id: "batch.pgbench",
    goal: "record-batch",
    what: "RecordBatch, entries a second over (c), pgbench in batches",
    measured: ratio(own, pgbench, (turn) => turn.perSecond),
    unit: "times",
    target: { atLeast: 0.5 },
  });
  report.claim({
    id: "batch.rate",
    goal: "record-batch",
    what: "RecordBatch",
    measured: middleOf((turn) => turn.perSecond),
    unit: "entries/s",
    target: { atLeast: 10_000 },
  });
  report.claim({
    id: "batch.cpu",
    goal: "batch-cpu",
    what: "server's CPU an entry through RecordBatch",
    measured: middleOf((turn) => turn.serverCpu),
    unit: "µs",
    target: { atMost: 40 },
  });
}
