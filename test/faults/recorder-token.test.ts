import { expect, test } from "vitest";
import { RecorderTraffic } from "../support/recorder-traffic.ts";
import { expectAll, expectNoneLost, readCountedEntries } from "./counted-entries.ts";
import { patience } from "./patience.ts";
import { startRecorderSetting } from "./recorder-setting.ts";

test("an expired token is replaced by a fresh one, and what waited is recorded", async () => {
  await using setting = await startRecorderSetting();
  const { server } = setting;
  const expired = await server.jwt({ role: "service", expiresIn: -60 });
  const fresh = await server.jwt({ role: "service" });
  let current = expired;
  const recorder = setting.recorder({ token: () => current });
  const traffic = new RecorderTraffic(recorder, setting);
  await traffic.record(100);
  await expect.poll(() => recorder.stats.retries, patience).toBeGreaterThan(2);
  expectNoneLost(recorder.stats);
  expect(recorder.stats).toMatchObject({ recorded: 0 });
  current = fresh;
  expect(await recorder.flush({ timeoutMs: 20_000 })).toBe(true);
  expectAll(await readCountedEntries(setting.databaseUrl), traffic);
});

test("a token that expires now and then amid traffic loses and doubles nothing", async () => {
  await using setting = await startRecorderSetting();
  const { server } = setting;
  let asked = 0;
  const token = () => server.jwt({ role: "service", expiresIn: asked++ % 2 === 0 ? -60 : 60 });
  const recorder = setting.recorder({ token });
  const traffic = new RecorderTraffic(recorder, setting);
  await traffic.record(600);
  expect(await recorder.flush({ timeoutMs: 20_000 })).toBe(true);
  expect(asked).toBeGreaterThan(3);
  expectNoneLost(recorder.stats);
  expect(recorder.stats).toMatchObject({ recorded: 600 });
  expectAll(await readCountedEntries(setting.databaseUrl), traffic);
});

test("a token function that throws, rejects or never answers is asked again", async () => {
  await using setting = await startRecorderSetting();
  const { token } = setting.options;
  let asked = 0;
  const recorder = setting.recorder({
    timeoutMs: 300,
    token: () => {
      asked += 1;
      if (asked === 1) throw new Error("the credential's file is not there yet");
      if (asked === 2) return Promise.reject(new Error("the issuer is down"));
      if (asked === 3) return new Promise<string>(() => undefined);
      return token;
    },
  });
  const traffic = new RecorderTraffic(recorder, setting);
  await traffic.record(50);
  expect(await recorder.flush({ timeoutMs: 20_000 })).toBe(true);
  expect(traffic.thrown).toEqual([]);
  expectNoneLost(recorder.stats);
  expect(recorder.stats).toMatchObject({ recorded: 50 });
  expectAll(await readCountedEntries(setting.databaseUrl), traffic);
});
