import { readdir } from "node:fs/promises";
import { expect, test } from "vitest";
import { RecorderTraffic } from "../support/recorder-traffic.ts";
import {
  countEntries,
  droppedBy,
  expectAll,
  expectNoneLost,
  readCountedEntries,
} from "./counted-entries.ts";
import { patience } from "./patience.ts";
import { startRecorderSetting } from "./recorder-setting.ts";

const callers = ["caller 1", "caller 2", "caller 3"];

test.each([
  ["exit", 3],
  ["throw", 1],
  ["reject", 1],
  ["return", 0],
  ["exit amid close", 3],
] as const)(
  "a process that ends by %s with entries waiting leaves them on disk for the next",
  async (by, code) => {
    await using setting = await startRecorderSetting();
    const spillDirectory = await setting.directory();
    await setting.proxy.stop();
    const first = await setting.process("caller", { spillDirectory });
    await first.do({ do: "record", entries: 200 });
    expect(await first.end({ entries: 100, by })).toBe(code);
    if (by === "throw") expect(first.complaints).toContain("nobody catches this");

    await setting.proxy.start();
    const recorder = setting.recorder({ spillDirectory });
    await expect.poll(() => recorder.stats.recorded, patience).toBe(300);
    await recorder.close();
    expectAll(await readCountedEntries(setting.databaseUrl), { taken: 300, callers });
    expect(await readdir(spillDirectory)).toEqual([]);
  },
);

test.each(["exit", "close"] as const)(
  "memory and disk both hold entries at the end (%s): the next sends them in order",
  async (by) => {
    await using setting = await startRecorderSetting();
    // Half of memory is for what can be sent, so half of the entries go to disk, and none can be dropped.
    const options = { spillDirectory: await setting.directory(), maxEntries: 3_000 };
    await setting.proxy.stop();
    const first = await setting.process("caller", options);
    await first.do({ do: "record", entries: 3_000 });
    let report = await first.do({ do: "report" });
    await expect
      .poll(async () => {
        report = await first.do({ do: "report" });
        return report.stats.onDisk.entries;
      }, patience)
      .toBe(1_500);
    expectNoneLost(report.stats);
    expect(report.stats.waiting.entries).toBeGreaterThan(0);
    if (by === "close") await first.do({ do: "close", timeoutMs: 100 });
    expect(await first.end({ entries: 0, by: "exit" })).toBe(3);

    await setting.proxy.start();
    const recorder = setting.recorder(options);
    await expect.poll(() => countEntries(setting.databaseUrl, "caller"), patience).toBe(3_000);
    expect(await recorder.flush()).toBe(true);
    expectAll(await readCountedEntries(setting.databaseUrl), { taken: 3_000, callers });
  },
);

test("a script that records and exits at once leaves its entries on disk", async () => {
  await using setting = await startRecorderSetting();
  const spillDirectory = await setting.directory();
  await setting.proxy.stop();
  const atOnce = { entries: 30, by: "exit" } as const;
  const script = await setting.process("caller", { spillDirectory }, { atOnce });
  expect(await script.ended).toBe(3);
  await setting.proxy.start();
  const recorder = setting.recorder({ spillDirectory });
  await expect.poll(() => recorder.stats.recorded, patience).toBe(30);
  expectAll(await readCountedEntries(setting.databaseUrl), { taken: 30, callers });
});

test("a process with nothing left to do ends though the server is out of reach and the disk fails", async () => {
  await using setting = await startRecorderSetting();
  await setting.proxy.stop();
  const options = { spillDirectory: "/dev/null/spill", maxEntries: 200 };
  const recording = await setting.process("caller", options);
  await recording.do({ do: "record", entries: 150 });
  expect(await recording.end({ entries: 0, by: "return" })).toBe(0);
});

test("a process with nothing left to do ends when its last entries are recorded", async () => {
  await using setting = await startRecorderSetting();
  const recording = await setting.process("caller");
  await recording.do({ do: "record", entries: 200 });
  expect(await recording.end({ entries: 100, by: "return" })).toBe(0);
  expectAll(await readCountedEntries(setting.databaseUrl), { taken: 300, callers });
});

test("close() with the server out of reach leaves what waits on disk, and the next recorder sends it", async () => {
  await using setting = await startRecorderSetting();
  const spillDirectory = await setting.directory();
  await setting.proxy.stop();
  const first = setting.recorder({ spillDirectory });
  const traffic = new RecorderTraffic(first, setting);
  await traffic.record(300);
  await first.close({ timeoutMs: 200 });
  expect(first.stats.waiting.entries).toBe(0);
  expect(first.stats.spilled).toBe(300);
  expect(droppedBy(first.stats)).toBe(0);

  await setting.proxy.start();
  const second = setting.recorder({ spillDirectory });
  await expect.poll(() => second.stats.recorded, patience).toBe(300);
  expectAll(await readCountedEntries(setting.databaseUrl), traffic);
});

test("close() with the server out of reach and no spill directory drops what waits, and counts it", async () => {
  await using setting = await startRecorderSetting();
  const recorder = setting.recorder();
  const told: number[] = [];
  recorder.on("dropped", ({ reason, entries }) => {
    if (reason === "exit") told.push(entries);
  });
  const traffic = new RecorderTraffic(recorder, setting);
  await traffic.record(100);
  expect(await recorder.flush()).toBe(true);
  await setting.proxy.stop();
  traffic.burst(200);
  await recorder.close({ timeoutMs: 200 });
  traffic.burst(10);
  expect(traffic.thrown).toEqual([]);
  const { stats } = recorder;
  expect(stats.recorded).toBe(100);
  expect(stats.dropped).toMatchObject({ exit: 200, closed: 10 });
  expect(told.reduce((sum, entries) => sum + entries, 0)).toBe(200);
  expect(stats.waiting).toEqual({ entries: 0, bytes: 0 });
  const stored = await readCountedEntries(setting.databaseUrl);
  expect(stored.total).toBe(100);
});

test("memory that overflows without a spill directory drops the newest, and the log says how many", async () => {
  await using setting = await startRecorderSetting();
  const recorder = setting.recorder({ maxEntries: 200 });
  const traffic = new RecorderTraffic(recorder, setting);
  await setting.proxy.stop();
  await traffic.record(500);
  expect(recorder.stats.waiting.entries).toBeLessThanOrEqual(200);
  const { dropped } = recorder.stats;
  expect(dropped.overflow).toBeGreaterThanOrEqual(300);
  expect(droppedBy(recorder.stats)).toBe(dropped.overflow);

  await setting.proxy.start();
  expect(await recorder.flush({ timeoutMs: 20_000 })).toBe(true);
  const stored = await readCountedEntries(setting.databaseUrl);
  expect(traffic.thrown).toEqual([]);
  expect(stored.total).toBe(500 - dropped.overflow);
  // Those that came first were kept.
  for (const caller of callers) {
    const perTeam = stored.of(caller).length / setting.teams.length;
    expect(Math.max(...stored.of(caller))).toBeLessThanOrEqual(Math.ceil(perTeam) + 1);
  }
  await expect
    .poll(async () => {
      const { dropped: told } = await readCountedEntries(setting.databaseUrl);
      return told.reduce((sum, { entries }) => sum + Number(entries), 0);
    }, patience)
    .toBe(dropped.overflow);
});
