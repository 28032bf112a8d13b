import { LogShelf } from "./logs.ts";
import { measureAppendCost } from "./proofs/append-cost.ts";
import { measureLatency } from "./proofs/latency.ts";
import { measureSigning } from "./proofs/signing.ts";
import { measureStorage } from "./proofs/storage.ts";
import { measureVerification } from "./proofs/verification.ts";
import { runParts, type Suite } from "./suite.ts";

/** What it costs that every log is provable. */
export const proofs: Suite = {
  name: "proofs",
  description: "what proofs cost: appending, storage, proofs, verification, signing",
  run: async (setting) => {
    await using shelf = new LogShelf(setting.postgres, setting.entries);
    await runParts(setting, {
      append: measureAppendCost,
      storage: (each) => measureStorage(each, shelf),
      latency: (each) => measureLatency(each, shelf),
      verification: (each) => measureVerification(each, shelf),
      signing: measureSigning,
    });
  },
};
