import { Http2Connection } from "../load/http2-connection.ts";
import type { Call } from "../load/load-process.ts";
import { messageMaker } from "../load/messages.ts";
import { openLoop } from "../load/open-loop.ts";
import { procedure } from "../load/procedure.ts";
import type { Samples } from "../samples.ts";
import type { Contestant } from "./contestants.ts";
import { eachSequence } from "./delivered.ts";
import { Subscribers } from "./subscribers.ts";

const writerConnections = 8;

/** How long to warm up, as a rule. */
export function warmUpOf({ quick }: { readonly quick: boolean }): { warmUpSeconds: number } {
  return { warmUpSeconds: quick ? 1 : 3 };
}

/** How much is recorded before many subscribers. */
export interface LiveOptions {
  readonly subscribers: number;
  readonly perSecond: number;
  readonly seconds: number;
  /** Before that: what is compiled while it first runs is no matter of the feed. */
  readonly warmUpSeconds: number;
  readonly seed: number;
  /** Whether to keep the time of each arrival, 16 bytes of this process each. Default true. */
  readonly keepTimes?: boolean;
  /** Called when all have subscribed; what it gives is disposed of at the end. */
  readonly beside?: (contestant: Contestant) => Promise<AsyncDisposable>;
}

/** Milliseconds from two moments to each arrival at a subscriber, ascending. */
export interface LiveLatencies {
  /** From the arrival of the answer that says the entry is committed; what came before it is 0. */
  readonly committed: Samples;
  /** From the time that the entry was to be sent. */
  readonly due: Samples;
}

/**
 * Records entries one by one at random times, while subscribers follow (the second replica, if there is
 * one), and takes the time to each arrival. Every subscriber must have got every entry once.
 */
export async function live(contestant: Contestant, options: LiveOptions): Promise<LiveLatencies> {
  const { url, secondUrl, token, team } = contestant;
  const { keepTimes = true } = options;
  let arrived: number[] = [];
  let arrivals: number[] = [];
  await using cleanup = new AsyncDisposableStack();
  const subscribers = cleanup.use(
    await Subscribers.open({
      url: secondUrl ?? url,
      tokens: [token],
      team,
      count: options.subscribers,
      inOrder: contestant.inOrder,
      ...(keepTimes
        ? {
            onEntry: (sequence: number, now: number) => {
              arrived.push(sequence);
              arrivals.push(now);
            },
          }
        : {}),
    }),
  );
  if (options.beside !== undefined) cleanup.use(await options.beside(contestant));
  const writers = await Promise.all(
    Array.from({ length: writerConnections }, () =>
      Http2Connection.open(url, { keepBodies: true }),
    ),
  );
  cleanup.defer(async () => {
    for (const writer of writers) await writer.close();
  });
  const record = procedure(url, "audit.v1.AuditService/Record", { protocol: "connect", token });
  const message = messageMaker({ teams: [team], entries: 1 });
  const committed = new Map<number, number>();
  const due = new Map<number, number>();
  let calls = 0;
  const call: Call = (done, dueAt) => {
    const writer = writers[calls++ % writers.length] as Http2Connection;
    writer.unary(record, message(), (problem, body) => {
      const now = performance.now();
      if (keepTimes && body !== undefined) {
        eachSequence(body, 0, body.length, (sequence) => {
          committed.set(sequence, now);
          due.set(sequence, dueAt);
        });
      }
      done(problem, body);
    });
  };
  let size = 0;
  const run = async (seconds: number) => {
    const { total, problems } = await openLoop(call, options.perSecond, seconds, options.seed);
    if (Object.keys(problems).length > 0) throw new Error(`failed: ${JSON.stringify(problems)}`);
    size += total;
    await subscribers.allHave(size);
  };
  await run(options.warmUpSeconds);
  arrived = [];
  arrivals = [];
  await run(options.seconds);
  const since = (times: ReadonlyMap<number, number>) => {
    const waits = Float64Array.from(arrivals, (at, i) => {
      const from = times.get(arrived[i] as number);
      if (from === undefined) throw new Error(`nobody recorded entry ${arrived[i]}`);
      return Math.max(0, at - from);
    });
    return Array.from(waits.sort());
  };
  return { committed: since(committed), due: since(due) };
}
