import { setTimeout as delay } from "node:timers/promises";
import { create, toBinary } from "@bufbuild/protobuf";
import { StreamRequestSchema } from "../../gen/audit/v1/audit_service_pb.ts";
import { Http2Connection } from "../load/http2-connection.ts";
import { procedure } from "../load/procedure.ts";
import { middle, progress } from "../report.ts";
import { medianRatio, percentile } from "../samples.ts";
import type { Setting } from "../suite.ts";
import { type Contestant, startContestant } from "./contestants.ts";
import { type HeldMemory, openHeapReports } from "./heap.ts";
import { live, warmUpOf } from "./live.ts";

/** What the stalled subscriber takes. */
const streamWindowBytes = 65_536;

/** What one subscriber that reads nothing does to 99 others, and to the server's memory. */
export async function measureStalled(setting: Setting): Promise<void> {
  const { report, quick } = setting;
  const rounds = quick ? 1 : setting.rounds;
  const seconds = quick ? 1 : Math.min(10, setting.seconds);
  const p99s: { without: number; with: number }[] = [];
  for (let round = 1; round <= rounds; round++) {
    const without = await p99Of(setting, round, seconds, false);
    p99s.push({ without, with: await p99Of(setting, round, seconds, true) });
    progress(
      `p99 of others: ${p99s.at(-1)?.without.toFixed(1)}, ${p99s.at(-1)?.with.toFixed(1)} ms`,
    );
  }
  const held = await memoryOverTime(setting);
  const first = held.at(0);
  const last = held.at(-1);
  const of = (which: "without" | "with") => p99s.map((found) => found[which]);
  report.table({
    title: "One stalled subscriber among 100, 500 entries a second",
    columns: ["others' p99 ms without it", "with it"],
    rows: [[middle(of("without")), middle(of("with"))]],
    note:
      "It takes 64 KiB and then grants no window. When the server cuts it off after 30 s, " +
      "another one takes its place.",
  });
  report.table({
    title: "The server's memory meanwhile",
    columns: ["after s", "heap MB", "buffers MB", "resident MB"],
    rows: held.map(({ afterSeconds, heapUsed, external, rss }) => [
      String(afterSeconds),
      ...[heapUsed, external, rss].map((bytes) => bytes / 1e6),
    ]),
    note: "Heap and buffers after collecting garbage.",
  });
  const goal = "stalled-subscriber";
  report.curve({
    ...{ title: "Memory beside a stalled subscriber", goal },
    x: { label: "seconds", scale: "linear" },
    y: { label: "MB", scale: "linear" },
    series: (["heapUsed", "external", "rss"] as const).map((name) => ({
      name,
      points: held.map((each) => [each.afterSeconds, each[name] / 1e6] as const),
    })),
  });
  report.claim({
    ...{ id: "stream.stalled.p99", goal, what: "others' p99, with over without", unit: "×" },
    ...{ measured: medianRatio(of("with"), of("without")), target: { atMost: 1.2 } },
  });
  if (first === undefined || last === undefined) return;
  const grown = last.heapUsed + last.external - first.heapUsed - first.external;
  report.claim({
    id: "stream.stalled.memory",
    goal,
    what: `heap and buffers, growth over ${last.afterSeconds - first.afterSeconds} s`,
    unit: "MB",
    measured: grown / 1e6,
    target: { atMost: 5 },
  });
}

async function p99Of(
  { postgres, quick }: Setting,
  seed: number,
  seconds: number,
  stalled: boolean,
): Promise<number> {
  await using contestant = await startContestant(postgres, {});
  const load = { subscribers: 99, perSecond: 500, seconds, seed, ...warmUpOf({ quick }) };
  const beside = stalled ? { beside: stall } : {};
  return percentile((await live(contestant, { ...load, ...beside })).committed, 0.99);
}

type Held = HeldMemory & { readonly afterSeconds: number };

/** Memory at the beginning, once the ring is full, and then at every tenth of the time. */
async function memoryOverTime({ postgres, seconds, quick }: Setting): Promise<Held[]> {
  await using heap = await openHeapReports();
  const { nodeOptions, env } = heap;
  await using contestant = await startContestant(postgres, { nodeOptions, env });
  const ringSeconds = quick ? 2 : 6;
  const total = ringSeconds + (quick ? 2 : seconds);
  const held: Held[] = [];
  const watch = async () => {
    const begun = performance.now();
    for (let i = 0; i <= 10; i++) {
      const due = ringSeconds + ((total - ringSeconds) * i) / 10 - 0.5;
      await delay(Math.max(0, due * 1_000 - (performance.now() - begun)));
      held.push({ afterSeconds: Math.round(due * 10) / 10, ...(await heap.read(contestant.pid)) });
    }
  };
  let watching = Promise.resolve();
  await live(contestant, {
    ...{ subscribers: 99, perSecond: 500, seconds: total, seed: 1, keepTimes: false },
    ...warmUpOf({ quick }),
    beside: async () => {
      const stalled = await stall(contestant);
      watching = watch();
      return stalled;
    },
  });
  await watching;
  return held;
}

/** Subscribes someone who takes 64 KiB and then nothing, and when that is cut off, the next. */
async function stall({ url, token, team }: Contestant): Promise<AsyncDisposable> {
  const request = toBinary(
    StreamRequestSchema,
    create(StreamRequestSchema, { teamId: `team-${team}` }),
  );
  const target = procedure(url, "audit.v1.AuditService/Stream", {
    ...({ protocol: "connect", token, streams: true } as const),
  });
  const connection = await Http2Connection.open(url, { streamWindowBytes });
  let taken = 0;
  let most = 0;
  let problem: string | undefined;
  const begin = (): void => {
    taken = 0;
    const listener = {
      onData: ({ length }: Buffer) => {
        taken += length;
        most = Math.max(most, taken);
      },
      onEnd: (why: string | undefined) => {
        if (why?.includes("reset")) begin();
        else problem ??= `the stalled subscriber's stream has ended: ${why}`;
      },
    };
    connection.stream(target, request, listener).stall();
  };
  begin();
  return {
    [Symbol.asyncDispose]: async () => {
      const ended = problem;
      await connection.close();
      if (ended !== undefined) throw new Error(ended);
      if (most < streamWindowBytes) throw new Error(`nothing was stalled: it took ${most} bytes`);
    },
  };
}
