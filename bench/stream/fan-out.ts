import { closedLoop } from "../load/closed-loop.ts";
import { processUsage } from "../load/cpu.ts";
import { Http2Connection } from "../load/http2-connection.ts";
import { messageMaker } from "../load/messages.ts";
import { procedure } from "../load/procedure.ts";
import { middle, progress } from "../report.ts";
import { median, medianRatio } from "../samples.ts";
import type { Setting } from "../suite.ts";
import { type Contestant, type ContestantOptions, startContestant } from "./contestants.ts";
import { Subscribers } from "./subscribers.ts";

/** How entries are recorded that go to many. */
interface Recording {
  /** Entries a call; the naive service has no batches. */
  readonly entries: number;
  readonly inFlight: number;
}

const contestants: Readonly<Record<string, ContestantOptions & Recording>> = {
  "Annals, RecordBatch of 100": { entries: 100, inFlight: 2 },
  "Annals, Record": { entries: 1, inFlight: 32 },
  "(a) naive, Record": { naive: true, entries: 1, inFlight: 32 },
};

/** How many entries a core of the server delivers to many subscribers. */
export async function measureFanOut(setting: Setting): Promise<void> {
  const { report, postgres, quick } = setting;
  const rounds = quick ? 1 : setting.rounds;
  const seconds = quick ? 1 : Math.min(8, setting.seconds);
  const subscribers = 200;
  const names = Object.keys(contestants);
  const figures = new Map(names.map((name) => [name, [] as FanOut[]]));
  for (let round = 0; round < rounds; round++) {
    for (const [name, options] of Object.entries(contestants)) {
      await using contestant = await startContestant(postgres, options);
      const found = await fanOut(contestant, { subscribers, seconds, ...options });
      figures.get(name)?.push(found);
      progress(`${name}: ${Math.round(found.perCpuSecond)} entries a CPU second`);
    }
  }
  const of = (name: string, figure: keyof FanOut) =>
    (figures.get(name) ?? []).map((found) => found[figure]);
  report.table({
    title: `${subscribers} subscribers of one team, entries recorded as fast as they are taken`,
    columns: [
      "",
      "delivered a CPU second",
      "delivered a second",
      "entries a message",
      "server's CPU, µs a message",
      "the load's",
    ],
    rows: names.map((name) => [
      name,
      middle(of(name, "perCpuSecond")),
      middle(of(name, "perSecond")),
      middle(of(name, "perMessage")),
      middle(of(name, "messageMicros")),
      middle(of(name, "loadMicros")),
    ]),
    note:
      "A CPU second is the server process's, of all its threads, with recording included; the load is the " +
      "writer and the subscribers, one process. Each subscriber has a " +
      "connection of its own and got every entry once. Medians and ranges of " +
      `${rounds} rounds of ${seconds} s.`,
  });
  const goal = "fan-out";
  const naive = of("(a) naive, Record", "perCpuSecond");
  const ours = of("Annals, RecordBatch of 100", "perCpuSecond");
  report.claim({
    ...{ id: "stream.fan-out.core", goal, what: "delivered a second a core", unit: "entries" },
    ...{ measured: median(ours), target: { atLeast: 200_000 } },
  });
  report.claim({
    ...{ id: "stream.fan-out.naive", goal, what: "the same over (a)", unit: "×" },
    ...{ measured: medianRatio(ours, naive), target: { atLeast: 8 } },
  });
  report.claim({
    ...{ id: "stream.fan-out.naive.record", goal, what: "by Record, over (a)", unit: "×" },
    measured: medianRatio(of("Annals, Record", "perCpuSecond"), naive),
    target: { atLeast: 8 },
  });
}

/** What a round of it came to. */
export interface FanOut {
  readonly perCpuSecond: number;
  readonly perSecond: number;
  readonly perMessage: number;
  /** CPU of the server a message, and of the writer and the subscribers: µs. */
  readonly messageMicros: number;
  readonly loadMicros: number;
}

/** Records for some seconds, as calls are answered, and waits until all subscribers have everything. */
export async function fanOut(
  { url, pid, token, team, inOrder }: Contestant,
  options: Recording & { readonly subscribers: number; readonly seconds: number },
): Promise<FanOut> {
  const { entries, inFlight, subscribers: count } = options;
  await using cleanup = new AsyncDisposableStack();
  const subscribers = cleanup.use(
    await Subscribers.open({ url, tokens: [token], team, count, inOrder }),
  );
  const writer = cleanup.adopt(await Http2Connection.open(url), (open) => open.close());
  const path = `audit.v1.AuditService/${entries === 1 ? "Record" : "RecordBatch"}`;
  const record = procedure(url, path, { protocol: "connect", token });
  const message = messageMaker({ teams: [team], entries, acknowledgeOnly: entries > 1 });
  const run = async (seconds: number) => {
    const { total, problems } = await closedLoop(
      (done) => writer.unary(record, message(), done),
      inFlight,
      seconds,
    );
    if (Object.keys(problems).length > 0) throw new Error(`failed: ${JSON.stringify(problems)}`);
    return total * entries;
  };
  const warmUp = await run(Math.min(2, options.seconds));
  await subscribers.allHave(warmUp);
  const before = { cpu: processUsage(pid).cpuSeconds, messages: subscribers.messages };
  const loadBefore = process.cpuUsage();
  const begun = performance.now();
  const recorded = await run(options.seconds);
  await subscribers.allHave(warmUp + recorded);
  const seconds = (performance.now() - begun) / 1_000;
  const cpu = processUsage(pid).cpuSeconds - before.cpu;
  const load = process.cpuUsage(loadBefore);
  const messages = subscribers.messages - before.messages;
  const delivered = recorded * count;
  return {
    perCpuSecond: delivered / cpu,
    perSecond: delivered / seconds,
    perMessage: delivered / messages,
    messageMicros: (cpu / messages) * 1e6,
    loadMicros: (load.user + load.system) / messages,
  };
}
