/** A program that makes load on one procedure of one server, as its parent (load.ts) asks. */
import { closedLoop } from "./closed-loop.ts";
import type { Done } from "./exchange.ts";
import { Http2Connection } from "./http2-connection.ts";
import type { LoadTarget, Shape } from "./load.ts";
import { messageMaker } from "./messages.ts";
import { openLoop } from "./open-loop.ts";
import { procedure } from "./procedure.ts";
import type { Tally } from "./tally.ts";

/** Makes the next call, which was to be sent at a time on the clock of `performance.now()`. */
export type Call = (done: Done, dueAt: number) => void;

async function serve(target: LoadTarget): Promise<void> {
  const { url, path, protocol, token, connections, messages } = target;
  const called = procedure(url, path, { protocol, token });
  const make = messageMaker(messages);
  const open = await Promise.all(
    Array.from({ length: connections }, () => Http2Connection.open(url)),
  );
  let next = 0;
  const call: Call = (done) => {
    (open[next++ % open.length] as Http2Connection).unary(called, make(), done);
  };
  process.on("message", (shape: Shape) => {
    void run(call, shape).then((tally) => process.send?.(tally));
  });
  process.send?.("ready");
}

function run(call: Call, shape: Shape): Promise<Tally> {
  return shape.kind === "closed"
    ? closedLoop(call, shape.inFlight, shape.seconds)
    : openLoop(call, shape.perSecond, shape.seconds, shape.seed);
}

process.once("message", (target: LoadTarget) => void serve(target));
process.once("disconnect", () => process.exit(0));
