import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { expectAll, expectNoneLost, readCountedEntries } from "./counted-entries.ts";
import { patience } from "./patience.ts";
import { startRecorderSetting } from "./recorder-setting.ts";

test("a server whose name does not resolve at the start gets everything once it does", async () => {
  await using setting = await startRecorderSetting();
  const hostsFile = join(await setting.directory(), "hosts");
  await writeFile(hostsFile, "");
  const name = "annals.invalid";
  const baseUrl = `http://${name}:${setting.proxy.port}`;
  const recording = await setting.process("caller", { baseUrl }, { hostsFile });
  await recording.do({ do: "record", entries: 300 });
  await expect
    .poll(async () => (await recording.do({ do: "report" })).stats.retries, patience)
    .toBeGreaterThan(2);
  const before = await recording.do({ do: "report" });
  expectNoneLost(before.stats);
  expect(before.stats).toMatchObject({ recorded: 0 });
  expect(before.stats.waiting.entries).toBe(300);

  await writeFile(hostsFile, `127.0.0.1 ${name}\n`);
  const after = await recording.do({ do: "flush", timeoutMs: 20_000 });
  expect(after.answer).toBe(true);
  expect(after.thrown).toEqual([]);
  expectNoneLost(after.stats);
  expect(after.stats).toMatchObject({ recorded: 300 });
  const callers = ["caller 1", "caller 2", "caller 3"];
  expectAll(await readCountedEntries(setting.databaseUrl), { taken: 300, callers });
});
