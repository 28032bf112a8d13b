import { expect, test } from "vitest";
import { expectAll, expectNoneLost, readCountedEntries } from "./counted-entries.ts";
import { patience } from "./patience.ts";
import { startRecorderSetting } from "./recorder-setting.ts";

const hour = 3_600_000;

test.each([
  ["back by an hour", -hour],
  ["on by an hour", hour],
  ["back to 1969", -Date.now() - hour],
  ["on by a century", 100 * 365 * 24 * hour],
])(
  "a clock that goes %s amid traffic, an outage and a spill loses and doubles nothing",
  async (_, offsetMs) => {
    await using setting = await startRecorderSetting();
    const spillDirectory = await setting.directory();
    const recording = await setting.process("caller", { spillDirectory, maxEntries: 2_000 });
    await recording.do({ do: "start" });
    const report = () => recording.do({ do: "report" });
    await expect.poll(async () => (await report()).stats.recorded, patience).toBeGreaterThan(50);
    await setting.proxy.stop();
    await expect.poll(async () => (await report()).stats.spilled, patience).toBeGreaterThan(50);
    await recording.do({ do: "clock", offsetMs });
    const before = (await report()).stats;
    await expect
      .poll(async () => (await report()).stats.retries, patience)
      .toBeGreaterThan(before.retries + 2);
    await setting.proxy.start();
    await expect
      .poll(async () => (await report()).stats.recorded, patience)
      .toBeGreaterThan(before.recorded + 100);
    await recording.do({ do: "clock", offsetMs: 0 });
    await recording.do({ do: "stop" });
    const after = await recording.do({ do: "flush", timeoutMs: 20_000 });
    expect(after.answer).toBe(true);
    expect(after.thrown).toEqual([]);
    expectNoneLost(after.stats);
    expect(after.stats.recorded).toBe(after.taken);
    const callers = ["caller 1", "caller 2", "caller 3"];
    expectAll(await readCountedEntries(setting.databaseUrl), { taken: after.taken, callers });
  },
);
