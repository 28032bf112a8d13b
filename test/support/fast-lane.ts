/**
 * Whether servers under test have the fast lane: `on` or `off`, as `vitest.config.ts` says for the run
 * that the test is part of. Without the fast lane all calls go through connect-node.
 */
export const fastLane: "on" | "off" = process.env.FAST_LANE === "off" ? "off" : "on";
