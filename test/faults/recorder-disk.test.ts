import { chown } from "node:fs/promises";
import { expect, test } from "vitest";
import { canMountTmpfs, resizeTmpfs, type SmallDisk } from "../support/recorder-process.ts";
import { RecorderTraffic } from "../support/recorder-traffic.ts";
import { droppedBy, readCountedEntries } from "./counted-entries.ts";
import { patience } from "./patience.ts";
import { startRecorderSetting } from "./recorder-setting.ts";

/** `nobody`, where the tests run as root; else whoever runs them. */
const users = process.getuid?.() === 0 ? [undefined, 65_534] : [undefined];
/** Limits of the process are there on every machine, file systems of one's own on many. */
const kinds: readonly SmallDisk["kind"][] = canMountTmpfs() ? ["limit", "tmpfs"] : ["limit"];
const disks = kinds.flatMap((kind) => users.map((uid) => [kind, uid] as const));

const entries = 3_000;
const padding = 400;

test.each(disks)(
  "a disk (%s, user %s) that is full while spilling: what has no room is counted, the rest recorded",
  async (kind, uid) => {
    await using setting = await startRecorderSetting();
    const directory = await setting.directory();
    if (uid !== undefined) await chown(directory, uid, uid);
    const disk = { kind, directory, kib: 256 };
    await setting.proxy.stop();
    const recording = await setting.process(
      "caller",
      { spillDirectory: directory, maxEntries: 200 },
      {
        traffic: { teams: setting.teams, name: "caller", padding },
        disk,
        ...(uid !== undefined && { uid }),
      },
    );
    const report = () => recording.do({ do: "report" });
    await recording.do({ do: "record", entries });
    await expect
      .poll(async () => (await report()).events.spill_failed ?? 0, patience)
      .toBeGreaterThan(0);
    // It is told once that it is so, not for each entry.
    const full = await report();
    expect(full.events.spill_failed).toBeLessThan(20);
    expect(full.stats.spilled).toBeGreaterThan(0);
    expect(full.thrown).toEqual([]);
    await expect
      .poll(async () => (await report()).stats.dropped.overflow, patience)
      .toBeGreaterThan(0);

    if (kind === "tmpfs") {
      resizeTmpfs(recording, disk, 64 * 1_024);
      await expect
        .poll(async () => (await report()).stats.spilled, patience)
        .toBeGreaterThan(full.stats.spilled);
    }
    await setting.proxy.start();
    const flushed = await recording.do({ do: "flush", timeoutMs: 20_000 });
    expect(flushed.answer).toBe(true);
    const { dropped, refused } = flushed.stats;
    expect(refused).toEqual({});
    expect(dropped).toEqual({ overflow: droppedBy(flushed.stats), exit: 0, closed: 0, damaged: 0 });
    // Once each and in order, and those that are missing are those that were counted.
    const stored = await readCountedEntries(setting.databaseUrl);
    expect(stored.total).toBe(entries - dropped.overflow);
    await expect
      .poll(async () => {
        const { dropped: told } = await readCountedEntries(setting.databaseUrl);
        return told.reduce((sum, entry) => sum + Number(entry.entries), 0);
      }, patience)
      .toBe(dropped.overflow);
  },
);

test("a spill directory that can never be used: memory alone serves, and what it has no room for is counted", async () => {
  await using setting = await startRecorderSetting();
  // Root, too, cannot make a directory in what is none.
  const recorder = setting.recorder({ spillDirectory: "/dev/null/spill", maxEntries: 200 });
  const failures: Error[] = [];
  recorder.on("spill_failed", ({ error }) => failures.push(error));
  const traffic = new RecorderTraffic(recorder, setting);
  await traffic.record(100);
  expect(await recorder.flush()).toBe(true);
  await setting.proxy.stop();
  await traffic.record(500);
  await setting.proxy.start();
  expect(await recorder.flush({ timeoutMs: 20_000 })).toBe(true);
  expect(traffic.thrown).toEqual([]);
  expect(failures.length).toBeGreaterThan(0);
  const { dropped } = recorder.stats;
  expect(dropped.overflow).toBe(droppedBy(recorder.stats));
  expect(dropped.overflow).toBeGreaterThanOrEqual(300);
  const stored = await readCountedEntries(setting.databaseUrl);
  expect(stored.total).toBe(600 - dropped.overflow);
});
