import { expect, it } from "vitest";
import { withAuditContext } from "../../../src/client/context/audit-context.ts";
import type { NewEntry } from "../../../src/client/new-entry.ts";
import { NotRecordedError } from "../../../src/client/recorder/recorder.ts";
import { createTestRecorder, RecordingMistake } from "../../../src/client/testing.ts";

const sandbox = "sb-0190a7c4-8d2e-4c3a-9f10-2b6f0e4d5a61";
const user = "usr-0190a7c4-8d2e-4c3a-9f10-2b6f0e4d5a61";

it("collects entries as they would be sent, with id, time and defaults", () => {
  const recorder = createTestRecorder();
  const metadata = { at: new Date(0), count: 1n };
  recorder.record({ action: "create", resource: { type: "sandbox", id: sandbox }, metadata });
  metadata.count = 2n;
  expect(recorder.entries).toEqual([
    {
      id: expect.stringMatching(/^log-/),
      action: "create",
      resource: { type: "sandbox", id: sandbox },
      scope: "team",
      status: "success",
      metadata: { at: "1970-01-01T00:00:00.000Z", count: "1" },
      occurTime: expect.stringMatching(/Z$/),
    },
  ]);
  expect(recorder.stats).toMatchObject({ taken: 1, recorded: 1 });
  recorder.clear();
  expect(recorder.entries).toEqual([]);
  expect(recorder.stats).toMatchObject({ taken: 0, recorded: 0 });
});

it("fills in the surrounding context", () => {
  const recorder = createTestRecorder();
  withAuditContext({ actor: { type: "user", id: user }, requestId: "r-1" }, () => {
    recorder.record({ action: "user.login" });
  });
  expect(recorder.entries[0]).toMatchObject({
    actor: { type: "user", id: user },
    context: { requestId: "r-1" },
  });
});

it.each([
  ["metdata: is no field", { metdata: { size: 1 } }],
  ["resource.ID: is no field", { resource: { type: "vm", ID: "vm-1" } }],
  ["context.requestID: is no field", { context: { requestID: "r-1" } }],
])("tells of what would be lost: %s", (text, part) => {
  const entry = { action: "create", ...part } as NewEntry;
  expect(() => createTestRecorder().record(entry)).toThrow(text);
  const collecting = createTestRecorder({ mistakes: "collect" });
  collecting.record(entry);
  expect(collecting.mistakes).toMatchObject([{ message: expect.stringContaining(text) }]);
  expect(collecting.entries).toHaveLength(1);
});

it("answers who waits as a server would", async () => {
  const recorder = createTestRecorder();
  const given = { action: "create", actor: { type: "user", id: user, name: "Ada" } } as const;
  await expect(recorder.recordAndWait(given)).resolves.toMatchObject({
    ...given,
    sequence: 1,
    detailsState: "present",
    recordTime: expect.stringMatching(/Z$/),
  });
  const { sequence, detailsState } = await recorder.recordAndWait({ action: "create" });
  expect({ sequence, detailsState }).toEqual({ sequence: 2, detailsState: "none" });
});

it.each([
  ["an action that is no word", { action: "Create" }, /action: must be lower-case words/],
  [
    "an id without its prefix",
    { action: "a", resource: { type: "sandbox", id: "1" } },
    /sb-{uuid}/,
  ],
  ["a user without an id", { action: "a", actor: { type: "user" } }, /actor.id: is required/],
  ["an id that is too long", { action: "a", resource: { type: "x", id: "é".repeat(129) } }, /256/],
  ["metadata that is too large", { action: "a", metadata: { x: "x".repeat(33_000) } }, /32768/],
  ["a status that is none", { action: "a", status: "fine" }, /status: must be one of/],
  ["what is no entry", null, /cannot be read/],
])("throws for %s, and so does every assertion afterwards", (_what, entry, message) => {
  const recorder = createTestRecorder();
  const refused: string[] = [];
  recorder.on("refused", ({ reason }) => refused.push(reason));
  expect(() => recorder.record(entry as never)).toThrow(RecordingMistake);
  expect(() => recorder.throwMistake()).toThrow(message);
  expect(recorder.entries).toEqual([]);
  expect(Object.keys(recorder.stats.refused)).toEqual(refused);
});

it("throws for what had to be amended, but keeps the rest of the entry", () => {
  const recorder = createTestRecorder();
  const cyclic: Record<string, unknown> = { a: 1 };
  cyclic.self = cyclic;
  expect(() => recorder.record({ action: "create", metadata: cyclic })).toThrow(/self/);
  expect(recorder.entries[0]?.metadata).toEqual({ a: 1, self: "[circular]" });
});

it("only collects mistakes if it is told to", async () => {
  const recorder = createTestRecorder({ mistakes: "collect" });
  recorder.record({ action: "Create" });
  await expect(recorder.recordAndWait({ action: "Create" })).rejects.toThrow(NotRecordedError);
  expect(recorder.mistakes.map(({ message }) => message)).toEqual([
    expect.stringContaining("would be refused: action: must be"),
    expect.stringContaining("would be refused: action: must be"),
  ]);
  recorder.throwMistake();
});

it("takes the ids that the platform has registered", () => {
  const recorder = createTestRecorder({ prefixes: { sandbox: null, volume: "vol" } });
  recorder.record({ action: "a", resource: { type: "sandbox", id: "1" } });
  const entry = { action: "a", resource: { type: "volume", id: "1" } };
  expect(() => recorder.record(entry)).toThrow(/vol-{uuid}/);
});

it("throws for what is recorded after it was closed", async () => {
  const recorder = createTestRecorder();
  {
    await using closing = recorder;
    closing.record({ action: "create" });
    expect(await closing.flush()).toBe(true);
  }
  expect(() => recorder.record({ action: "create" })).toThrow(/closed/);
  expect(recorder.stats.dropped.closed).toBe(1);
});
