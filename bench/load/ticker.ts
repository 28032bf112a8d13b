/** A thread that says when something is due, more precisely than timers can: they round to 1 ms. */
import { once } from "node:events";
import { parentPort } from "node:worker_threads";

/** Ticks closer than this are one. */
const leastGapMs = 0.1;

const port = parentPort;
if (port === null) throw new Error("the ticker is a thread");
port.postMessage("ready");
const [{ begin, due }] = (await once(port, "message")) as [{ begin: number; due: Float64Array }];
const sleeper = new Int32Array(new SharedArrayBuffer(4));
const now = () => performance.timeOrigin + performance.now();
for (let at = 0; at < due.length; at++) {
  const wait = begin + (due[at] as number) - now();
  if (wait < leastGapMs && at + 1 < due.length) continue;
  if (wait > 0) Atomics.wait(sleeper, 0, 0, wait);
  port.postMessage(at);
}
