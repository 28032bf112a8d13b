import type { Setting } from "../suite.ts";
import { startPgbench } from "./pgbench.ts";
import { startAnnals, startNaiveContestant } from "./service.ts";
import { inTurns, type Outcome, rateColumns, rateRow, ratio, startAll } from "./turns.ts";

const inFlight = 128;
const teams = 8;

/** How many entries a second are recorded one by one, beside who does less. */
export async function measureUnary(setting: Setting): Promise<void> {
  const { postgres, report, rounds, quick } = setting;
  await using cleanup = new AsyncDisposableStack();
  const annals = (protocol: "connect" | "grpc", count: number, env = {}) =>
    startAnnals(postgres, {
      env,
      name: nameOf(protocol, count, env),
      protocol,
      teams: count,
      entries: 1,
    });
  /** How it depends on the number of teams, and on the fast lane. */
  const others = () => [
    annals("connect", 1),
    annals("connect", 1_000),
    annals("connect", teams, { FAST_LANE: "off" }),
  ];
  const naive = (protocol: "connect" | "grpc", name: string) => ({
    protocol,
    teams,
    entries: 1,
    name,
  });
  const contestants = [
    ...(await startAll(cleanup, [
      annals("connect", teams),
      annals("grpc", teams),
      startNaiveContestant(
        postgres,
        "connect",
        naive("connect", "(a) naive, connect-node, Connect"),
      ),
      startNaiveContestant(postgres, "connect", naive("grpc", "(a) naive, connect-node, gRPC")),
      startNaiveContestant(postgres, "grpc", naive("grpc", "(b) naive, grpc-js")),
    ])),
    cleanup.use(await startPgbench(setting, "single")),
    ...(quick ? [] : await startAll(cleanup, others())),
  ];
  const outcomes = await inTurns("unary", contestants, rounds, () => ({
    kind: "closed",
    inFlight,
    seconds: quick ? 1 : 5,
  }));
  report.table({
    title: `Record, one entry a call, ${inFlight} calls in flight`,
    columns: rateColumns,
    rows: outcomes.map(rateRow),
    note:
      `${rounds} rounds in turns. Entries of the demo's traffic with new ids, of ${teams} teams in turns ` +
      "unless the row says otherwise; Connect and gRPC in the binary form over HTTP/2, with a JWT and a " +
      "deadline. After each turn the database held as many entries as were acknowledged; in the end " +
      "Annals' sequences were dense and an entry of each log was proved to be under its checkpoint.",
  });
  const [byConnect, byGrpc, a, aByGrpc, b, c] = outcomes as [
    Outcome,
    Outcome,
    Outcome,
    Outcome,
    Outcome,
    Outcome,
  ];
  const rate = (own: Outcome, rival: Outcome) => ratio(own, rival, (turn) => turn.perSecond);
  for (const [protocol, own, naiveId, naiveByIt] of [
    ["Connect", byConnect, "naive", a],
    ["gRPC", byGrpc, "naive-by-grpc", aByGrpc],
  ] as const) {
    const claims = [
      [naiveId, `over (a), the naive service by connect-node, by ${protocol} too`, naiveByIt, 5],
      ["pgbench", "over (c), a row at a time by pgbench", c, 1],
    ] as const;
    for (const [id, over, rival, atLeast] of claims) {
      report.claim({
        id: `unary.${protocol.toLowerCase()}.${id}`,
        goal: "unary-record",
        what: `${protocol}, ${over}`,
        measured: rate(own, rival),
        unit: "times",
        target: { atLeast },
      });
    }
  }
  report.table({
    title: "Record: ratios of rates, the median over rounds",
    columns: ["", "over (a) by Connect", "over (a) by gRPC", "over (b)", "over (c)"],
    rows: [byConnect, byGrpc].map((own) => [
      own.contestant.name,
      ...[a, aByGrpc, b, c].map((rival) => rate(own, rival)),
    ]),
  });
}

function nameOf(protocol: string, count: number, env: object): string {
  const settings = Object.entries(env).map(([name, value]) => `, ${name}=${value}`);
  const forTeams = count === 1 ? "1 team" : `${count} teams`;
  return `Annals, ${protocol === "grpc" ? "gRPC" : "Connect"}, ${forTeams}${settings.join("")}`;
}
