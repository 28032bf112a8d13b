import { measureCall } from "./recorder/call.ts";
import { measureMemory } from "./recorder/memory.ts";
import { measureThroughput } from "./recorder/throughput.ts";
import { runParts, type Suite } from "./suite.ts";

/** What recording costs a program that uses the SDK. */
export const recorder: Suite = {
  name: "recorder",
  description: "what the SDK costs its caller: the call, throughput, CPU, memory",
  run: (setting) =>
    runParts(setting, {
      call: measureCall,
      throughput: measureThroughput,
      memory: measureMemory,
    }),
};
