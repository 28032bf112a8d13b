import { join } from "node:path";
import { defineConfig } from "vitest/config";

// Of Node's own, by content: hundreds of programs are started, each of the same sources.
process.env.NODE_COMPILE_CACHE ??= join(import.meta.dirname, "node_modules/.cache/annals-compiled");

export default defineConfig({
  test: {
    include: ["test/**/*.test.ts"],
    setupFiles: ["test/support/nothing-left-open.ts"],
    globalSetup: ["test/support/global-setup.ts"],
    pool: "forks",
    maxWorkers: 2,
    testTimeout: 30_000,
    // By default a second, which a busy machine may need for one look.
    expect: { poll: { timeout: 20_000 } },
    hookTimeout: 60_000,
    teardownTimeout: 20_000,
  },
});
