import { setTimeout as delay } from "node:timers/promises";
import { processUsage } from "../load/cpu.ts";
import { Http2Connection } from "../load/http2-connection.ts";
import { messageMaker } from "../load/messages.ts";
import { procedure } from "../load/procedure.ts";
import { figure, progress } from "../report.ts";
import type { Setting } from "../suite.ts";
import { type Contestant, startContestant } from "./contestants.ts";
import { type HeapReports, openHeapReports } from "./heap.ts";
import { Subscribers } from "./subscribers.ts";

/** What subscribers cost who get nothing but heartbeats. */
export async function measureIdle(setting: Setting): Promise<void> {
  const { report, quick } = setting;
  const counts = quick ? [100, 500] : [100, 500, 1_000, 2_000];
  const count = counts.at(-1) ?? 0;
  // Heartbeats come every 10 s: as many of them for each subscriber.
  const seconds = quick ? 2 : Math.max(20, Math.round(Math.min(setting.seconds, 60) / 10) * 10);
  const rows = [];
  const grown: { count: number; found: Idle }[] = [];
  // As many of a browser's or a proxy's; the last ones each with a connection of its own.
  const alone = quick ? [] : [[count, 1] as const];
  const cases = [...counts.map((each) => [each, 100] as const), ...alone];
  for (const [subscribers, perConnection] of cases) {
    const found = await idle(setting, { count: subscribers, perConnection, seconds });
    progress(
      `${subscribers} idle, ${perConnection} a connection: ${found.heapKb.toFixed(1)} kB each`,
    );
    const { heapKb, residentKb, share } = found;
    rows.push([figure(subscribers), String(perConnection), heapKb, residentKb, share * 100]);
    if (perConnection > 1) grown.push({ count: subscribers, found });
  }
  const claimed = grown.at(-1)?.found;
  report.table({
    title: "Subscribers of a team in which nothing is recorded",
    columns: [
      "subscribers",
      "streams a connection",
      "heap kB each",
      "resident kB each",
      "% of a core",
    ],
    rows,
    note:
      "Heap: used after collecting garbage, less what was used with one subscriber. Resident: of the " +
      "process, the system's view, not collected with care. CPU: the server process's over " +
      `${seconds} s, with heartbeats, polling and checks of credentials, of one core.`,
  });
  const goal = "idle-subscribers";
  const curve = (title: string, label: string, of: (found: Idle) => number) =>
    report.curve({
      ...{ title, goal, x: { label: "subscribers", scale: "log" }, y: { label, scale: "linear" } },
      series: [{ name: "Annals", points: grown.map((each) => [each.count, of(each.found)]) }],
    });
  curve("Heap of an idle subscriber", "kB", ({ heapKb }) => heapKb);
  curve("CPU of idle subscribers", "% of a core", ({ share }) => share * 100);
  report.claim({
    ...{ id: "stream.idle.heap", goal, what: `heap of each of ${figure(count)} idle`, unit: "kB" },
    ...{ measured: claimed?.heapKb ?? Number.NaN, target: { atMost: 50 } },
  });
  report.claim({
    ...{
      id: "stream.idle.cpu",
      goal,
      what: `${figure(count)} idle subscribers`,
      unit: "% of a core",
    },
    ...{ measured: (claimed?.share ?? Number.NaN) * 100, target: { atMost: 2 } },
  });
}

/** What each of them takes. */
export interface Idle {
  readonly heapKb: number;
  readonly residentKb: number;
  /** Of a core, all of them. */
  readonly share: number;
}

/** Subscribes so many and looks at the server before and after. */
export async function idle(
  { postgres }: Setting,
  options: { readonly count: number; readonly perConnection: number; readonly seconds: number },
): Promise<Idle> {
  await using heap = await openHeapReports();
  const { nodeOptions, env } = heap;
  await using contestant = await startContestant(postgres, { nodeOptions, env });
  const { url, pid, token, team } = contestant;
  await recordOne(contestant);
  await using _first = await Subscribers.open({ url, tokens: [token], team, count: 1 });
  const before = await settled(heap, pid);
  await using all = await Subscribers.open({ url, tokens: [token], team, ...options });
  const after = await settled(heap, pid);
  const cpu = processUsage(pid).cpuSeconds;
  const begun = performance.now();
  await delay(options.seconds * 1_000);
  const share = (processUsage(pid).cpuSeconds - cpu) / ((performance.now() - begun) / 1_000);
  // Whoever was cut off would cost nothing.
  await all.allHave(0);
  const kbEach = (bytes: number) => bytes / options.count / 1_000;
  return {
    heapKb: kbEach(after.heapUsed - before.heapUsed),
    residentKb: kbEach(after.rss - before.rss),
    share,
  };
}

/** Once what was opened is no longer new: it is moved and compacted by then. */
async function settled(heap: HeapReports, pid: number) {
  await delay(1_000);
  await heap.read(pid);
  return heap.read(pid);
}

async function recordOne({ url, token, team }: Contestant): Promise<void> {
  const connection = await Http2Connection.open(url);
  const record = procedure(url, "audit.v1.AuditService/Record", { protocol: "connect", token });
  const problem = await new Promise<string | undefined>((resolve) =>
    connection.unary(record, messageMaker({ teams: [team], entries: 1 })(), resolve),
  );
  await connection.close();
  if (problem !== undefined) throw new Error(problem);
}
