import { afterAll, expect } from "vitest";

/** What keeps a process alive and is ours: sockets, listeners, child processes. */
const ours = ["TCPServerWrap", "TCPSocketWrap", "ProcessWrap"];
const closeWithinMs = 10_000;

/**
 * Fails a file of tests that leaves something open. Declared before every file's own hooks, so
 * that it runs after them.
 */
afterAll(async () => {
  const open = () => process.getActiveResourcesInfo().filter((name) => ours.includes(name));
  // A connection that is being closed may take a moment.
  for (const end = Date.now() + closeWithinMs; open().length > 0 && Date.now() < end; ) {
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  expect(open()).toEqual([]);
}, closeWithinMs + 5_000);
