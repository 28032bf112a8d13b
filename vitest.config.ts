import { join } from "node:path";
import { defineConfig } from "vitest/config";

// Of Node's own, by content: hundreds of programs are started, each of the same sources.
process.env.NODE_COMPILE_CACHE ??= join(import.meta.dirname, "node_modules/.cache/annals-compiled");

/**
 * What holds whichever way a call takes (docs/decisions/0021), and so runs through both: the contract of
 * Record and RecordBatch, dense sequences, and proofs of what was recorded. The other files record over
 * HTTP/2 not at all or only what they read then, or compare the two ways themselves.
 */
const bothLanes = [
  "test/faults/{concurrency,frozen-replica,killed-server,postgres-outage}.test.ts",
  "test/rpc/{access,bad-connections,bad-values,checkpoints,failures,lane,limits,proofs,recording,third-party,transports}.test.ts",
];

export default defineConfig({
  test: {
    setupFiles: ["test/support/nothing-left-open.ts"],
    globalSetup: ["test/support/global-setup.ts"],
    pool: "forks",
    maxWorkers: 2,
    testTimeout: 30_000,
    // By default a second, which a busy machine may need for one look.
    expect: { poll: { timeout: 20_000 } },
    hookTimeout: 60_000,
    teardownTimeout: 20_000,
    projects: [
      {
        extends: true,
        test: { name: "fast lane", include: ["test/**/*.test.ts"], env: { FAST_LANE: "on" } },
      },
      {
        extends: true,
        test: { name: "connect-node", include: bothLanes, env: { FAST_LANE: "off" } },
      },
    ],
  },
});
