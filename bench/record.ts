import { measureBatch } from "./record/batch.ts";
import { measureCpu } from "./record/cpu.ts";
import { measureGrowth } from "./record/growth.ts";
import { measureLoadCurve } from "./record/load-curve.ts";
import { measureTail } from "./record/tail.ts";
import { measureUnary } from "./record/unary.ts";
import { runParts, type Suite } from "./suite.ts";

/** Recording through the service, beside services that do less and the database by itself. */
export const record: Suite = {
  name: "record",
  description:
    "recording, beside naive services and pgbench: rate, batches, tail, growth; CPU by part",
  run: (setting) =>
    runParts(setting, {
      unary: measureUnary,
      batch: measureBatch,
      tail: measureTail,
      load: measureLoadCurve,
      growth: measureGrowth,
      cpu: measureCpu,
    }),
};
