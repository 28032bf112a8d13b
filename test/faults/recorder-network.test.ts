import { expect, test } from "vitest";
import { type Fate, queueFull } from "../support/fault-proxy.ts";
import { RecorderTraffic } from "../support/recorder-traffic.ts";
import { expectAll, expectNoneLost, readCountedEntries } from "./counted-entries.ts";
import { patience } from "./patience.ts";
import { startRecorderSetting } from "./recorder-setting.ts";

const faults: readonly (readonly [string, Fate])[] = [
  ["is cut after the commit and before the answer", "cut"],
  ["never hears of an answer that was given", "swallow"],
  ["hangs and never reaches the server", "hang"],
  ["is answered 10 s later", { delayMs: 10_000 }],
  ["is answered by half an answer", "halve"],
  ["is answered by an empty message", "empty"],
  ["is answered by garbage", "garbage"],
  ["is answered by a load balancer's page", "html"],
  ["is refused before it began", "refuse_stream"],
  ["is told that the server goes away", "go_away"],
  ["is told that the queue is full", queueFull(30)],
];

test.each(faults)(
  "every other call %s: each entry is recorded once and in order",
  async (_, fate) => {
    await using setting = await startRecorderSetting();
    setting.proxy.judge = ({ number }) => (number % 2 === 1 ? fate : "pass");
    const recorder = setting.recorder({ timeoutMs: 400 });
    const traffic = new RecorderTraffic(recorder, setting);
    await traffic.record(600);
    expect(await recorder.flush({ timeoutMs: 20_000 })).toBe(true);

    expect(traffic.thrown).toEqual([]);
    const { stats } = recorder;
    expectNoneLost(stats);
    expect(stats).toMatchObject({ taken: 600, recorded: 600 });
    expect(stats.retries).toBeGreaterThan(0);
    expect(stats.waiting).toEqual({ entries: 0, bytes: 0 });
    expectAll(await readCountedEntries(setting.databaseUrl), traffic);
  },
);

test.each(["halve", "empty", "garbage", "html"] as const)(
  "answers that make no sense (%s), a dozen in a row, are nobody's refusal",
  async (fate) => {
    await using setting = await startRecorderSetting();
    setting.proxy.judge = ({ number }) => (number <= 12 ? fate : "pass");
    const recorder = setting.recorder();
    const traffic = new RecorderTraffic(recorder, setting);
    await traffic.record(100);
    expect(await recorder.flush({ timeoutMs: 20_000 })).toBe(true);
    expect(setting.proxy.calls).toBeGreaterThan(12);
    expectNoneLost(recorder.stats);
    expect(recorder.stats).toMatchObject({ recorded: 100 });
    expectAll(await readCountedEntries(setting.databaseUrl), traffic);
  },
);

test("a storm of every fault at once loses and doubles nothing", async () => {
  await using setting = await startRecorderSetting();
  const fates = faults.map(([, fate]) => fate);
  setting.proxy.judge = () =>
    Math.random() < 0.5 ? "pass" : (fates[Math.floor(Math.random() * fates.length)] as Fate);
  const recorder = setting.recorder({ timeoutMs: 300 });
  const traffic = new RecorderTraffic(recorder, setting);
  traffic.start();
  await expect.poll(() => setting.proxy.calls, patience).toBeGreaterThan(25);
  await traffic.stop();
  setting.proxy.judge = () => "pass";
  expect(await recorder.flush({ timeoutMs: 20_000 })).toBe(true);
  expect(traffic.thrown).toEqual([]);
  expectNoneLost(recorder.stats);
  expect(recorder.stats).toMatchObject({ recorded: traffic.taken });
  expectAll(await readCountedEntries(setting.databaseUrl), traffic);
}, 60_000);

test("a server that asks for a pause is not called again before", async () => {
  await using setting = await startRecorderSetting();
  setting.proxy.judge = ({ number }) => (number === 1 ? queueFull(1_500) : "pass");
  const recorder = setting.recorder();
  const pauses: number[] = [];
  recorder.on("unreachable", ({ retryInMs }) => pauses.push(retryInMs));
  const traffic = new RecorderTraffic(recorder, setting);
  await traffic.record(10);
  expect(await recorder.flush({ timeoutMs: 20_000 })).toBe(true);
  expect(pauses).toHaveLength(1);
  expect(pauses[0]).toBeGreaterThanOrEqual(1_500);
  expectAll(await readCountedEntries(setting.databaseUrl), traffic);
});

test("a network that goes away and comes back amid traffic loses and doubles nothing", async () => {
  await using setting = await startRecorderSetting();
  const { proxy } = setting;
  const recorder = setting.recorder({ timeoutMs: 1_000 });
  let reachable = 0;
  recorder.on("reachable", () => {
    reachable += 1;
  });
  const traffic = new RecorderTraffic(recorder, setting);
  traffic.start();
  for (let round = 1; round <= 3; round++) {
    const before = recorder.stats;
    await expect.poll(() => recorder.stats.recorded, patience).toBeGreaterThan(before.recorded);
    await proxy.stop();
    await expect.poll(() => recorder.stats.retries, patience).toBeGreaterThan(before.retries + 2);
    await proxy.start();
    await expect.poll(() => reachable, patience).toBe(round);
  }
  await traffic.stop();
  expect(await recorder.flush({ timeoutMs: 20_000 })).toBe(true);
  expect(traffic.thrown).toEqual([]);
  expect(recorder.stats.recorded).toBe(traffic.taken);
  expectAll(await readCountedEntries(setting.databaseUrl), traffic);
});
