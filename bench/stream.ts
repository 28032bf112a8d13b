import { measureFanOut } from "./stream/fan-out.ts";
import { measureGrowth } from "./stream/growth.ts";
import { measureIdle } from "./stream/idle.ts";
import { measureLatency } from "./stream/latency.ts";
import { measureStalled } from "./stream/stalled.ts";
import { runParts, type Suite } from "./suite.ts";

/** How entries reach those who follow a log. */
export const stream: Suite = {
  name: "stream",
  description: "subscribers: latency, fan-out, what idle and stalled ones cost, growth",
  run: (setting) =>
    runParts(setting, {
      latency: measureLatency,
      "fan-out": measureFanOut,
      idle: measureIdle,
      stalled: measureStalled,
      growth: measureGrowth,
    }),
};
