import { runParts, type Suite } from "./suite.ts";
import { measureAppendCost } from "./summarize/append-cost.ts";
import { measureSummaries } from "./summarize/latency.ts";

/** Counting by time, status and scope. */
export const summarize: Suite = {
  name: "summarize",
  description: "counting by time in a large log, and what it costs that counts are kept",
  run: (setting) => runParts(setting, { append: measureAppendCost, latency: measureSummaries }),
};
