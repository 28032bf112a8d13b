import { randomUUID } from "node:crypto";
import { pino } from "pino";
import { expect, test } from "vitest";
import { Hub } from "../../src/feed/hub.ts";
import { Topic } from "../../src/feed/topic.ts";
import type { TeamId } from "../../src/ids.ts";
import { origin } from "../../src/log/position.ts";

test("questions that nothing answers take no more memory than is given to what is recent", async () => {
  const hub = new Hub({
    readSizes: async () => new Map(),
    readWindow: async () => [],
    logger: pino({ level: "silent" }),
    ringBytes: 100_000,
  });
  using followed = hub.follow(randomUUID() as TeamId);
  const { topic } = followed;
  const nothing = { entries: [], position: origin };
  topic.shared("first", () => nothing);
  expect(topic.shared("first", () => undefined)).toBe(nothing);
  for (let n = 0; n < 10; n++) topic.shared(`${n}`.padEnd(10_000), () => nothing);
  expect(topic.shared("first", () => undefined)).toBeUndefined();
  expect(topic.bytes).toBeLessThanOrEqual(100_000);
  await hub.close();
});

test("what was given to many is forgotten with the ring it came from", () => {
  const topic = new Topic(10);
  const asked = { entries: [], position: origin };
  for (const change of [() => topic.reach(1n), () => topic.doubt(), () => topic.clear()]) {
    expect(topic.shared("question", () => asked)).toBe(asked);
    change();
    expect(topic.shared("question", () => undefined)).toBeUndefined();
  }
});

test("who stands at one place is given one heartbeat, and nobody another's idea of the place", () => {
  const topic = new Topic(10);
  const at = (sequence: bigint, ...prefix: number[]) =>
    topic.heartbeat({ sequence, leafPrefix: Uint8Array.from(prefix) });
  expect(at(7n, 1, 2)).toBe(at(7n, 1, 2));
  for (const [sequence, ...prefix] of [[7n], [7n, 1, 3], [8n, 1, 3], [8n], [7n, 1, 2]] as const) {
    const position = { sequence, leafPrefix: Uint8Array.from(prefix) };
    expect(at(sequence, ...prefix)).toEqual({ entries: [], position });
  }
});
