import { readdir } from "node:fs/promises";
import { expect, test } from "vitest";
import type { RecorderProcess } from "../support/recorder-process.ts";
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

/** What a process records with the server away: none is dropped, and half of them go to disk. */
const maxEntries = 4_000;
const onDisk = maxEntries / 2;

async function expectOnDisk(recording: RecorderProcess, entries: number): Promise<void> {
  await expect
    .poll(async () => (await recording.do({ do: "report" })).stats.spilled, patience)
    .toBe(entries);
}

test("kill -9 with entries on disk, and a restart: what was on disk is recorded once and in order", async () => {
  await using setting = await startRecorderSetting();
  const spillDirectory = await setting.directory();
  await setting.proxy.stop();
  const options = { spillDirectory, maxEntries };
  const spilled = new Map<string, number>();
  for (const name of ["first", "second", "third"]) {
    const recording = await setting.process(name, options);
    await recording.do({ do: "record", entries: maxEntries });
    // Later ones have adopted as much as memory has room for, so that all of theirs goes to disk.
    await expect
      .poll(async () => (await recording.do({ do: "report" })).stats.waiting.entries, patience)
      .toBe(onDisk);
    const { stats, thrown } = await recording.do({ do: "report" });
    expect(thrown).toEqual([]);
    spilled.set(name, stats.spilled);
    await recording.kill();
  }

  await setting.proxy.start();
  const recorder = setting.recorder(options);
  const traffic = new RecorderTraffic(recorder, { ...setting, name: "fourth" });
  await traffic.record(300);
  const ofKilled = async () =>
    (await countEntries(setting.databaseUrl, "first")) +
    (await countEntries(setting.databaseUrl, "second")) +
    (await countEntries(setting.databaseUrl, "third"));
  const due = [...spilled.values()].reduce((sum, entries) => sum + entries, 0);
  await expect.poll(ofKilled, patience).toBeGreaterThanOrEqual(due);
  expect(await recorder.flush({ timeoutMs: 20_000 })).toBe(true);
  const stored = await readCountedEntries(setting.databaseUrl);
  for (const [name, entries] of spilled) {
    expect(entries).toBeGreaterThan(0);
    const count = [1, 2, 3].reduce((sum, i) => sum + stored.of(`${name} ${i}`).length, 0);
    // Only what was in memory may be missing.
    expect(count).toBeGreaterThanOrEqual(entries);
  }
  expectAll(stored, { taken: 300, callers: traffic.callers });
  await recorder.close();
  expect(await readdir(spillDirectory)).toEqual([]);
});

test("kill -9 while what was on disk is being sent: it is recorded once and in order", async () => {
  await using setting = await startRecorderSetting();
  const spillDirectory = await setting.directory();
  const options = { spillDirectory, maxEntries, timeoutMs: 1_000 };
  await setting.proxy.stop();
  const first = await setting.process("caller", options);
  await first.do({ do: "record", entries: maxEntries });
  await expectOnDisk(first, onDisk);
  await first.kill();

  await setting.proxy.start();
  // The server commits, and the process dies before it hears of it.
  for (let kill = 0; kill < 3; kill++) {
    let committed = 0;
    setting.proxy.judge = () => (committed++ < 2 ? "pass" : "swallow");
    const sending = await setting.process("nobody", options);
    await expect.poll(() => committed, patience).toBeGreaterThan(2);
    await sending.kill();
  }
  setting.proxy.judge = () => "pass";
  const recorder = setting.recorder(options);
  const count = () => countEntries(setting.databaseUrl, "caller");
  await expect.poll(count, patience).toBe(onDisk);
  expect(await recorder.flush({ timeoutMs: 20_000 })).toBe(true);
  expectNoneLost(recorder.stats);
  const stored = await readCountedEntries(setting.databaseUrl);
  expect(stored.total).toBe(onDisk);
});

test("two processes share a spill directory and one is killed: both their entries are recorded once", async () => {
  await using setting = await startRecorderSetting();
  const spillDirectory = await setting.directory();
  const options = { spillDirectory, maxEntries };
  await setting.proxy.stop();
  const killed = await setting.process("killed", options);
  const survivor = await setting.process("survivor", options);
  await Promise.all([
    killed.do({ do: "record", entries: maxEntries }),
    survivor.do({ do: "record", entries: maxEntries }),
  ]);
  await expectOnDisk(killed, onDisk);
  await killed.kill();
  await survivor.do({ do: "start" });
  await setting.proxy.start();
  const count = () => countEntries(setting.databaseUrl, "killed");
  // The survivor takes over what the other has left, while it records on.
  await expect.poll(count, patience).toBe(onDisk);
  await survivor.do({ do: "stop" });
  const report = await survivor.do({ do: "flush", timeoutMs: 20_000 });
  expect(report.answer).toBe(true);
  expect(report.thrown).toEqual([]);
  const callers = [1, 2, 3].map((i) => `survivor ${i}`);
  const taken = report.taken - droppedBy(report.stats);
  expectAll(await readCountedEntries(setting.databaseUrl), { taken, callers });
}, 60_000);
