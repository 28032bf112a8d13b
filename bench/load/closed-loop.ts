import type { Call } from "./load-process.ts";
import { type Tally, Tallying } from "./tally.ts";

/** Keeps so many calls under way for a time, then waits for the last ones. */
export function closedLoop(call: Call, inFlight: number, seconds: number): Promise<Tally> {
  const { promise, resolve } = Promise.withResolvers<Tally>();
  const tallying = new Tallying(seconds);
  let open = 0;
  const next = () => {
    const sent = performance.now();
    if (sent >= tallying.end) {
      if (open === 0) resolve(tallying.finish());
      return;
    }
    open++;
    call((problem) => {
      open--;
      tallying.add(sent, problem);
      next();
    }, sent);
  };
  for (let i = 0; i < inFlight; i++) next();
  return promise;
}
