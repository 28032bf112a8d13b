import { once } from "node:events";
import { Worker } from "node:worker_threads";
import { seededRandom } from "../../src/cli/demo-random.ts";
import type { Call } from "./load-process.ts";
import { type Tally, Tallying } from "./tally.ts";

const ticker = new URL("./ticker.ts", import.meta.url);
/** Until the ticker is under way. */
const headStartMs = 20;

/**
 * Makes calls at random times (a Poisson process, as of many callers that know nothing of each other) at
 * so many a second on average, whatever the answers do. A call that is sent late has waited since it was
 * due. The same seed has the same times.
 */
export async function openLoop(
  call: Call,
  perSecond: number,
  seconds: number,
  seed: number,
): Promise<Tally> {
  const random = seededRandom(seed);
  const due: number[] = [];
  for (let at = headStartMs; ; ) {
    at += (-Math.log(1 - random.next()) * 1_000) / perSecond;
    if (at >= seconds * 1_000) break;
    due.push(at);
  }
  const { promise: done, resolve } = Promise.withResolvers<void>();
  const worker = new Worker(ticker);
  await once(worker, "message");
  const tallying = new Tallying(seconds);
  let sent = 0;
  let answered = 0;
  const sendDue = () => {
    const now = performance.now();
    for (; sent < due.length && tallying.begin + (due[sent] as number) <= now; sent++) {
      const intended = tallying.begin + (due[sent] as number);
      tallying.addLag(now - intended);
      call((problem) => {
        tallying.add(intended, problem);
        if (++answered === due.length) resolve();
      }, intended);
    }
  };
  if (due.length === 0) resolve();
  worker.on("message", sendDue);
  const begin = performance.timeOrigin + tallying.begin;
  worker.postMessage({ begin, due: Float64Array.from(due) });
  await done;
  const tally = tallying.finish();
  await worker.terminate();
  return tally;
}
