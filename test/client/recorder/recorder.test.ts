import { randomUUID } from "node:crypto";
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import type { EntryJson } from "../../../src/client/entry-json.ts";
import {
  createRecorder,
  type RecorderOptions,
} from "../../../src/client/recorder/create-recorder.ts";
import { NotRecordedError } from "../../../src/client/recorder/recorder.ts";
import { startFaultProxy } from "../../support/fault-proxy.ts";
import { newId, startTestServer, type TestServer } from "../../support/server.ts";

const cleanup = new AsyncDisposableStack();
let server: TestServer;
let teamId: `team-${string}`;
let token: string;

beforeAll(async () => {
  server = cleanup.use(await startTestServer());
});
afterAll(() => cleanup.disposeAsync());
beforeEach(async () => {
  teamId = newId("team") as typeof teamId;
  token = await server.jwt({ role: "service", sub: "billing", grants: ["read_admin"] });
});

const open = (options: Partial<RecorderOptions> = {}) =>
  createRecorder({ baseUrl: server.url, token, ...options });

/** The team's log, oldest first. */
async function log(team: string = teamId) {
  const { audit } = server.clients(await server.jwt({ role: "platform_admin" }));
  return (await audit.list({ teamId: team, pageSize: 200 })).entries.toReversed();
}

describe("a recorder", () => {
  test("records what it is given, in order and with all of it", async () => {
    await using recorder = open();
    for (let i = 0; i < 120; i++) {
      recorder.record({ teamId, action: "step", metadata: { i } });
    }
    expect(await recorder.flush()).toBe(true);
    const entries = await log();
    expect(entries.map(({ metadata }) => metadata?.i)).toEqual(
      Array.from({ length: 120 }, (_, i) => i),
    );
    expect(recorder.stats).toMatchObject({
      taken: 120,
      recorded: 120,
      refused: {},
      waiting: { entries: 0, bytes: 0 },
    });
  });

  test("answers who waits with the entry as it was stored", async () => {
    await using recorder = open();
    const id = newId("log") as `log-${string}`;
    const entry: EntryJson = await recorder.recordAndWait({
      id,
      teamId,
      action: "create",
      actor: { type: "user", id: newId("usr"), name: "Ada" },
      resource: { type: "snapshot", id: "nightly" },
    });
    expect(entry).toMatchObject({
      id,
      teamId,
      sequence: 1,
      recorder: { type: "service", id: "billing" },
      actor: { name: "Ada" },
      scope: "team",
      status: "success",
      leafHash: expect.any(String),
    });
  });

  test("tells of what the server refuses, once, and records the rest", async () => {
    await using recorder = open();
    const refused: unknown[] = [];
    recorder.on("refused", (event) => refused.push(event));
    recorder.record({ teamId, action: "first" });
    recorder.record({ teamId, action: "Not An Action", resource: { type: "snapshot" } });
    const alone = recorder.recordAndWait({ teamId, action: "also wrong!" });
    recorder.record({ teamId, action: "last" });
    await expect(alone).rejects.toMatchObject({ outcome: "refused", reason: "INVALID_FIELD" });
    expect(await recorder.flush()).toBe(true);
    expect((await log()).map(({ action }) => action)).toEqual(["first", "last"]);
    expect(refused).toMatchObject([
      {
        reason: "INVALID_FIELD",
        message: expect.stringContaining("action"),
        entry: { action: "Not An Action", teamId, resourceType: "snapshot" },
      },
      { entry: { action: "also wrong!" } },
    ]);
    expect(recorder.stats.refused).toEqual({ INVALID_FIELD: 2 });
  });

  test("throws nothing into its caller, whatever it is given", async () => {
    await using recorder = open();
    recorder.on("refused", () => {
      throw new Error("a listener of little use");
    });
    recorder.on("refused", () => {
      throw Object.create(null); // It has no text, not even for a warning.
    });
    const hostile: unknown[] = [null, undefined, 7, "text", {}, [], { action: Symbol("s") }];
    hostile.push(
      new Proxy(
        {},
        {
          get: () => {
            throw new Error("no");
          },
        },
      ),
    );
    for (const entry of hostile) recorder.record(entry as never);
    expect(recorder.stats.refused).toEqual({ UNENCODABLE: hostile.length });
    recorder.record({ teamId, action: "still_there" });
    expect(await recorder.flush()).toBe(true);
    expect((await log()).map(({ action }) => action)).toEqual(["still_there"]);
  });

  test("drops what is recorded after it was closed, and says so", async () => {
    const recorder = open();
    recorder.record({ teamId, action: "before" });
    const closed = recorder.close();
    recorder.record({ teamId, action: "after" });
    await expect(recorder.recordAndWait({ teamId, action: "after" })).rejects.toBeInstanceOf(
      NotRecordedError,
    );
    await closed;
    expect((await log()).map(({ action }) => action)).toEqual(["before"]);
    expect(recorder.stats).toMatchObject({ recorded: 1, dropped: { closed: 2 } });
  });

  test("records an id once, however often it is given", async () => {
    await using recorder = open();
    const entry = {
      id: newId("log") as `log-${string}`,
      teamId,
      action: "create",
      occurTime: new Date(0),
    };
    const both = await Promise.all([recorder.recordAndWait(entry), recorder.recordAndWait(entry)]);
    expect(both.map(({ sequence }) => sequence)).toEqual([1, 1]);
    expect(await log()).toHaveLength(1);
  });

  test("records an entry once whose id is empty, though its answer is lost", async () => {
    await using proxy = await startFaultProxy(server.url);
    proxy.judge = ({ number }) => (number === 1 ? "cut" : "pass");
    await using recorder = open({ baseUrl: proxy.url, backoff: { baseMs: 5, maxMs: 20 } });
    recorder.record({ id: "" as `log-${string}`, teamId, action: "create" });
    expect(await recorder.flush()).toBe(true);
    expect(recorder.stats).toMatchObject({ recorded: 1, retries: 1 });
    expect(await log()).toHaveLength(1);
  });

  test("answers who waits with the whole entry, though the same id is on its way unawaited", async () => {
    await using proxy = await startFaultProxy(server.url);
    const { promise: sent, resolve } = Promise.withResolvers<void>();
    proxy.judge = ({ number }) => {
      resolve();
      return number === 1 ? { delayMs: 200 } : "pass";
    };
    await using recorder = open({ baseUrl: proxy.url });
    const id = newId("log") as `log-${string}`;
    const entry = { id, teamId, action: "create", occurTime: new Date(0) };
    recorder.record(entry);
    await sent;
    expect(await recorder.recordAndWait(entry)).toMatchObject({ id, action: "create" });
  });
});

describe("with the server away", () => {
  const away = () => open({ baseUrl: "http://127.0.0.1:1", backoff: { baseMs: 5, maxMs: 20 } });

  test("a flush ends when its time is up, and what waits is counted when the recorder closes", async () => {
    const recorder = away();
    const unreachable: unknown[] = [];
    recorder.on("unreachable", (event) => unreachable.push(event));
    const dropped: unknown[] = [];
    recorder.on("dropped", (event) => dropped.push(event));
    for (let i = 0; i < 3; i++) recorder.record({ teamId, action: "lost" });
    expect(await recorder.flush({ timeoutMs: 100 })).toBe(false);
    expect(recorder.stats.waiting.entries).toBe(3);
    await recorder.close({ timeoutMs: 10 });
    expect(recorder.stats).toMatchObject({ waiting: { entries: 0 }, dropped: { exit: 3 } });
    expect(dropped).toEqual([{ reason: "exit", entries: 3 }]);
    expect(unreachable[0]).toMatchObject({ failures: 1, error: expect.any(Error) });
  });

  test("a flush without end ends when the recorder is closed, and says whether all is settled", async () => {
    const recorder = away();
    recorder.on("unreachable", () => undefined);
    recorder.on("dropped", () => undefined);
    recorder.record({ teamId, action: "lost" });
    const flushed = recorder.flush({ timeoutMs: Number.POSITIVE_INFINITY });
    await recorder.close({ timeoutMs: 1 });
    // It was dropped, which is settled.
    expect(await flushed).toBe(true);
    expect(recorder.stats).toMatchObject({ dropped: { exit: 1 } });
  });

  test("who waits for an entry hears when the time is up that it may yet be recorded", async () => {
    const recorder = away();
    const waiting = recorder.recordAndWait({ teamId, action: "late" }, { timeoutMs: 20 });
    await expect(waiting).rejects.toMatchObject({ outcome: "unknown", reason: "time" });
    await recorder.close({ timeoutMs: 1 });
  });
});

test("what memory has no room for is dropped, newest first, and the log is told once there is room again", async () => {
  let down = true;
  await using recorder = open({
    maxEntries: 10,
    backoff: { baseMs: 5, maxMs: 20 },
    token: () => (down ? "not a token" : token),
  });
  for (let i = 0; i < 25; i++) recorder.record({ teamId, action: "step", metadata: { i } });
  expect(recorder.stats).toMatchObject({ waiting: { entries: 10 }, dropped: { overflow: 15 } });
  down = false;
  await expect.poll(async () => (await log()).length).toBe(11);
  const entries = await log();
  expect(entries.slice(0, 10).map(({ metadata }) => metadata?.i)).toEqual([
    0, 1, 2, 3, 4, 5, 6, 7, 8, 9,
  ]);
  expect(entries[10]).toMatchObject({
    action: "audit.entries_dropped",
    metadata: { entries: 15, reasons: { overflow: 15 } },
  });
});

test("what is dropped of something that is no team, however long, is told in the credential's own log", async () => {
  const token = await server.jwt({ role: "service", teamId, grants: ["read_admin"] });
  await using recorder = open({ maxEntries: 1, token });
  recorder.record({ teamId, action: "step" });
  const tooLong = `team-${"x".repeat(65_400)}` as const;
  recorder.record({ teamId: tooLong, action: "step" });
  recorder.record({ teamId: "team-x", action: "step" });
  await expect.poll(async () => (await log()).length).toBe(2);
  expect((await log())[1]).toMatchObject({
    action: "audit.entries_dropped",
    metadata: { entries: 2, reasons: { overflow: 2 } },
  });
  expect(recorder.stats.refused).toEqual({});
});

describe("with a spill directory and the server away", () => {
  let spillDirectory: string;
  beforeEach(async () => {
    spillDirectory = await mkdtemp(join(tmpdir(), "annals-test-spill-"));
    return () => rm(spillDirectory, { recursive: true, force: true });
  });

  test("a burst leaves half of memory for what is on its way to disk, so that nothing is dropped later", async () => {
    await using recorder = open({ baseUrl: "http://127.0.0.1:1", spillDirectory, maxEntries: 200 });
    for (let i = 0; i < 200; i++) recorder.record({ teamId, action: "step" });
    await expect
      .poll(() => recorder.stats)
      .toMatchObject({ waiting: { entries: 100 }, spilled: 100 });
    for (let i = 0; i < 100; i++) recorder.record({ teamId, action: "step" });
    await expect.poll(() => recorder.stats.spilled).toBe(200);
    expect(recorder.stats).toMatchObject({ waiting: { entries: 100 }, dropped: { overflow: 0 } });
    await recorder.close({ timeoutMs: 1 });
  });

  test("a burst of more than memory holds, within one turn, is not dropped: order stays, and memory is what it was", async () => {
    await using proxy = await startFaultProxy(server.url);
    await proxy.stop();
    await using recorder = open({
      baseUrl: proxy.url,
      backoff: { baseMs: 5, maxMs: 20 },
      spillDirectory,
      maxEntries: 40,
    });
    for (let i = 0; i < 200; i++) recorder.record({ teamId, action: "step", metadata: { i } });
    expect(recorder.stats.waiting.entries).toBe(200);
    await expect.poll(() => recorder.stats.waiting.entries).toBe(20);
    expect(recorder.stats).toMatchObject({ spilled: 180, dropped: { overflow: 0 } });
    await proxy.start();
    expect(await recorder.flush({ timeoutMs: 60_000 })).toBe(true);
    const order = Array.from({ length: 200 }, (_, i) => i);
    expect((await log()).map(({ metadata }) => metadata?.i)).toEqual(order);
    expect(recorder.stats).toMatchObject({ recorded: 200, dropped: { overflow: 0 } });
  });

  test("a burst of more than eight times that drops the newest, and so does one for which the disk has no room", async () => {
    const options = { baseUrl: "http://127.0.0.1:1", spillDirectory };
    const step = { teamId, action: "step", metadata: { padding: "x".repeat(900) } } as const;
    await using recorder = open({ ...options, maxEntries: 40 });
    for (let i = 0; i < 500; i++) recorder.record(step);
    expect(recorder.stats).toMatchObject({ waiting: { entries: 320 }, dropped: { overflow: 180 } });
    await recorder.close({ timeoutMs: 1 });

    await using small = open({ ...options, maxEntries: 40, spillMaxBytes: 100_000 });
    for (let i = 0; i < 500; i++) small.record(step);
    expect(small.stats.waiting.entries).toBeGreaterThan(80);
    expect(small.stats.waiting.entries).toBeLessThan(140);
    await small.close({ timeoutMs: 1 });
  });

  test("no more is read back from disk than half of memory holds", async () => {
    await using proxy = await startFaultProxy(server.url);
    await proxy.stop();
    const options = { baseUrl: proxy.url, backoff: { baseMs: 5, maxMs: 20 }, spillDirectory };
    const first = open(options);
    for (let i = 0; i < 300; i++) first.record({ teamId, action: "step", metadata: { i } });
    await first.close({ timeoutMs: 1 });

    await using recorder = open({ ...options, maxEntries: 20 });
    await expect.poll(() => recorder.stats.waiting.entries).toBe(10);
    const most: number[] = [];
    proxy.judge = () => {
      most.push(recorder.stats.waiting.entries);
      return "pass";
    };
    await proxy.start();
    expect(await recorder.flush()).toBe(true);
    expect(Math.max(...most)).toBe(10);
    expect(recorder.stats).toMatchObject({ taken: 300, recorded: 300 });
  });

  test("a flush ends with the last entry that is settled, though that is lost on disk", async () => {
    await using proxy = await startFaultProxy(server.url);
    await proxy.stop();
    const options = { baseUrl: proxy.url, backoff: { baseMs: 5, maxMs: 20 }, spillDirectory };
    await using recorder = open({ ...options, maxEntries: 20 });
    for (let i = 0; i < 20; i++) recorder.record({ teamId, action: "step" });
    await expect.poll(() => recorder.stats.spilled).toBe(10);
    const files = await readdir(spillDirectory, { recursive: true });
    const segment = files.find((name) => name.endsWith(".seg")) as string;
    await rm(join(spillDirectory, segment));
    await proxy.start();
    expect(await recorder.flush({ timeoutMs: 60_000 })).toBe(true);
    expect(recorder.stats).toMatchObject({ recorded: 10, dropped: { damaged: 10 } });
  });
});

test("a wait without end is one", async () => {
  await using proxy = await startFaultProxy(server.url);
  proxy.judge = ({ number }) => (number === 1 ? { delayMs: 200 } : "pass");
  await using recorder = open({ baseUrl: proxy.url });
  const timeoutMs = Number.POSITIVE_INFINITY;
  const answer = recorder.recordAndWait({ teamId, action: "create" }, { timeoutMs });
  expect(await recorder.flush({ timeoutMs })).toBe(true);
  expect(await answer).toMatchObject({ action: "create" });
});

test("without a server's address it does nothing, and who must know is told so", async () => {
  await using recorder = createRecorder({ baseUrl: undefined });
  recorder.record({ action: "create" });
  expect(await recorder.flush()).toBe(true);
  await expect(recorder.recordAndWait({ action: "create" })).rejects.toMatchObject({
    outcome: "dropped",
    reason: "not_configured",
  });
});

test("options that cannot be meant are refused at once", () => {
  expect(() => open({ maxEntries: 0 })).toThrow(/maxEntries/);
  expect(() => open({ maxBytes: Number.NaN })).toThrow(/maxBytes/);
  expect(() => open({ spillDir: "/tmp" } as object)).toThrow(/^spillDir: is not an option/);
  expect(() => open({ baseUrl: `not a url ${randomUUID()}` })).toThrow(TypeError);
});
