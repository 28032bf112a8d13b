/** A worker with a proxy that hands every answer on late; its heap and event loop are its own. */
import { parentPort, workerData } from "node:worker_threads";
import { startFaultProxy } from "../../test/support/fault-proxy.ts";

const { upstream, delayMs } = workerData as { upstream: string; delayMs: number };
const proxy = await startFaultProxy(upstream);
proxy.judge = () => ({ delayMs });
parentPort?.postMessage(proxy.url);
