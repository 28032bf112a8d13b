import { describe, expect, it } from "vitest";
import { z } from "zod";
import { withAuditContext } from "../../../src/client/context/audit-context.ts";
import { defineEvents } from "../../../src/client/events/define-events.ts";
import type { StandardSchema } from "../../../src/client/events/standard-schema.ts";
import { createTestRecorder } from "../../../src/client/testing.ts";

const uuid = "0190a7c4-8d2e-4c3a-9f10-2b6f0e4d5a61";
const user = `usr-${uuid}` as const;

const catalogue = defineEvents(
  {
    volume: {
      create: {
        metadata: z.object({ size_mb: z.number(), tier: z.enum(["hot", "cold"]).default("hot") }),
      },
      markedFull: { status: "error", scope: "admin", actor: "system" },
      list: { id: "none", metadata: z.object({ page: z.number().optional() }) },
    },
    member: { leave: { id: { of: "user" }, actor: "self" } },
    snapshot: { delete: { id: "name", action: "remove" } },
  },
  { prefixes: { volume: "vol" } },
);

/** The events over a recorder that collects, and what it is told. */
function recording() {
  const recorder = createTestRecorder({ mistakes: "collect", prefixes: { volume: "vol" } });
  const amended: { action: string; message: string }[] = [];
  recorder.on("amended", (event) => amended.push(event));
  return { recorder, amended, audit: catalogue.recordTo(recorder) };
}

/** An event with this schema, and what becomes of it, as JavaScript may call it. */
function recordedBy(schema: unknown, ...args: unknown[]) {
  const events = defineEvents({
    door: { open: { metadata: schema as StandardSchema<object, object> } },
  });
  const recorder = createTestRecorder({ mistakes: "collect" });
  const audit = events.recordTo(recorder);
  (audit.door.open as (...args: unknown[]) => void)("d1", ...args);
  return { metadata: recorder.entries[0]?.metadata, mistakes: recorder.mistakes };
}

function schema(validate: (value: unknown) => unknown) {
  return { "~standard": { version: 1, vendor: "test", validate } };
}

it("needs a recorder at once, not when the first event happens", () => {
  for (const recorder of [undefined, null, {}]) {
    expect(() => catalogue.recordTo(recorder as never)).toThrow("recordTo: needs a recorder");
  }
});

describe("an event", () => {
  it("is recorded as its definition says", () => {
    const { recorder, audit } = recording();
    audit.volume.create(`vol-${uuid}`, { size_mb: 10 });
    audit.volume.markedFull(`vol-${uuid}`);
    audit.volume.list();
    audit.volume.list({ page: 2 });
    audit.snapshot.delete("nightly");
    expect(recorder.entries).toMatchObject([
      {
        resource: { type: "volume", id: `vol-${uuid}` },
        action: "create",
        scope: "team",
        status: "success",
        metadata: { size_mb: 10, tier: "hot" },
      },
      {
        action: "marked_full",
        scope: "admin",
        status: "error",
        actor: { type: "system", id: "system" },
      },
      { resource: { type: "volume" }, action: "list" },
      { action: "list", metadata: { page: 2 } },
      { resource: { type: "snapshot", id: "nightly" }, action: "remove" },
    ]);
    expect(recorder.entries[2]).not.toHaveProperty("metadata");
    expect(recorder.entries[0]).not.toHaveProperty("actor");
  });

  it("takes what a call says otherwise", () => {
    const { recorder, audit } = recording();
    const options = {
      id: `log-${uuid}`,
      teamId: `team-${uuid}`,
      actor: { type: "service", id: "watcher" },
      status: "info",
      resourceName: "scratch",
      context: { requestId: "r-1" },
      occurTime: new Date("2026-01-02T03:04:05Z"),
    } as const;
    audit.volume.markedFull(`vol-${uuid}`, options);
    const { resourceName: name, occurTime, ...same } = options;
    expect(recorder.entries[0]).toEqual({
      ...same,
      resource: { type: "volume", id: `vol-${uuid}`, name },
      occurTime: "2026-01-02T03:04:05.000Z",
      action: "marked_full",
      scope: "admin",
    });
  });

  it("has no id if it is said to have none, as of what failed to be created", () => {
    const { recorder, audit } = recording();
    audit.volume.create(null, { size_mb: 1 }, { status: "error" });
    expect(recorder.entries[0]).toMatchObject({ resource: { type: "volume" }, status: "error" });
    expect(recorder.entries[0]?.resource).not.toHaveProperty("id");
  });

  it("of oneself has the resource as its actor, with the name that the context knows", () => {
    const { recorder, audit } = recording();
    const leave = () => audit.member.leave(user);
    leave();
    withAuditContext({ actor: { type: "user", id: user, name: "Ada" } }, leave);
    withAuditContext({ actor: { type: "service", id: "api" } }, leave);
    expect(recorder.entries.map(({ actor }) => actor)).toEqual([
      { type: "user", id: user },
      { type: "user", id: user, name: "Ada" },
      { type: "user", id: user },
    ]);
  });

  it("can be waited for", async () => {
    const { audit } = recording();
    const entry = await audit.volume.create.andWait(
      `vol-${uuid}`,
      { size_mb: 1 },
      { timeoutMs: 9 },
    );
    expect(entry).toMatchObject({ action: "create", sequence: 1 });
  });

  it("passes on how long to wait, and that it was not recorded", async () => {
    const waits: unknown[] = [];
    const audit = catalogue.recordTo({
      record: () => undefined,
      recordAndWait: (_entry, wait) => {
        waits.push(wait);
        return Promise.reject(new Error("away"));
      },
    });
    const signal = new AbortController().signal;
    await expect(audit.volume.list.andWait({}, { timeoutMs: 5, signal })).rejects.toThrow("away");
    await expect(audit.snapshot.delete.andWait("a")).rejects.toThrow("away");
    expect(waits).toEqual([{ timeoutMs: 5, signal }, {}]);
  });
});

describe("metadata that is wrong", () => {
  it("is left out, with a note in the entry that names the places but not the values", () => {
    const { recorder, amended, audit } = recording();
    const wrong = { size_mb: "s3cret", tier: "warm" };
    audit.volume.create(`vol-${uuid}`, wrong as never);
    const amendedTo = "metadata: does not fit its schema at size_mb, at tier";
    expect(recorder.entries[0]).toMatchObject({
      action: "create",
      metadata: { amended: amendedTo },
    });
    expect(recorder.entries[0]?.metadata).toEqual({ amended: amendedTo });
    expect(amended).toEqual([
      {
        action: "create",
        message: expect.stringMatching(/^volume.create: metadata: .*at size_mb \(/),
      },
    ]);
    expect(amended[0]?.message).not.toContain("s3cret");
  });

  it.each([
    ["throws", () => fail(new Error("broken"))],
    ["throws what is no text", () => fail(Object.create(null))],
    ["answers nothing", () => undefined],
    ["answers text", () => ({ value: "text" })],
    ["answers a list", () => ({ value: [] })],
    ["has issues that are none", () => ({ issues: 7 })],
    ["has issues that throw", () => ({ issues: new Proxy([], { get: () => fail("trap") }) })],
    ["has issues without end", () => ({ issues: Array(1e6).fill({ message: "x".repeat(1e4) }) })],
    [
      "has symbols and NUL for paths",
      () => ({ issues: [{ message: "m", path: [Symbol("a"), "\0"] }] }),
    ],
    ["has half a character in a path", () => ({ issues: [{ message: "m", path: ["\ud800"] }] })],
  ])("is noted when its schema %s", (_what, validate) => {
    const { metadata, mistakes } = recordedBy(schema(validate), {});
    expect(metadata).toEqual({ amended: expect.stringMatching(/^metadata: /) });
    expect(String(metadata?.amended).length).toBeLessThan(2_000);
    expect(mistakes).toHaveLength(1);
  });

  it("is noted when a schema turns out to be asynchronous", async () => {
    let calls = 0;
    const late = schema(() => (calls++ === 0 ? { value: {} } : Promise.reject(new Error("late"))));
    const { metadata } = recordedBy(late, { a: 1 });
    expect(metadata).toEqual({ amended: "metadata: its schema answers asynchronously, or throws" });
  });

  it("is noted when a refinement throws, which zod answers asynchronously", () => {
    const broken = z.object({ a: z.string() }).refine(() => fail("a broken refinement"));
    const { metadata } = recordedBy(broken, { a: "b" });
    expect(metadata).toEqual({ amended: expect.stringContaining("or throws") });
  });

  it("is noted when it cannot be read", () => {
    const trap = new Proxy({}, { get: () => fail("trap"), ownKeys: () => fail("trap") });
    const { metadata } = recordedBy(z.object({ a: z.string() }), trap);
    expect(metadata).toEqual({ amended: expect.stringContaining("metadata: ") });
  });
});

describe("a JavaScript caller", () => {
  it.each([
    ["an id of another type", user, /^resource.id: must be vol-{uuid} .* not "usr-0190/],
    ["an upper-case id", `vol-${uuid.toUpperCase()}`, /^resource.id: must be vol-{uuid}/],
    ["no id", undefined, /^resource.id: is missing/],
    ["an object", { toString: () => fail("trap") }, /^resource.id: is missing/],
    ["a symbol", Symbol("id"), /^resource.id: is missing/],
  ])("gives %s, and the entry is recorded without it", (_what, id, note) => {
    const { recorder, amended, audit } = recording();
    audit.volume.create(id as never, { size_mb: 1 });
    expect(recorder.entries[0]).toMatchObject({
      resource: { type: "volume" },
      metadata: { size_mb: 1, tier: "hot", amended: expect.stringMatching(note) },
    });
    expect(recorder.entries[0]?.resource).not.toHaveProperty("id");
    expect(amended).toHaveLength(1);
  });

  it("gives text that no id can be, and numbers that can", () => {
    const { recorder, audit } = recording();
    for (const id of ["a\0b", "x".repeat(257), "\ud800", "", 42, 7n] as unknown as string[]) {
      audit.snapshot.delete(id);
    }
    expect(recorder.entries.map(({ resource }) => resource?.id)).toEqual([
      ...Array(4).fill(undefined),
      "42",
      "7",
    ]);
  });

  it("gives options that are none or cannot be read", async () => {
    const { recorder, amended, audit } = recording();
    const trap = new Proxy({}, { get: () => fail("trap") });
    for (const options of [null, 7, "x", trap, { status: "fine", teamId: null }] as never[]) {
      audit.snapshot.delete("a", options);
    }
    await audit.snapshot.delete.andWait("a", trap as never);
    expect(recorder.entries).toHaveLength(6);
    expect(recorder.entries[4]).toMatchObject({ status: "success", resource: { id: "a" } });
    expect(amended.map(({ message }) => message.split(";").length)).toEqual([9, 1, 9]);
  });
});

describe("a definition", () => {
  it.each([
    ["a property that there is none of", { a: { b: { colour: "red" } } }, /event a.b: .*"colour"/],
    [
      "an action that is no word",
      { a: { b: { action: "Go!" } } },
      /action "Go!" must be lower-case/,
    ],
    [
      "a resource that is no word",
      { API: { b: {} } },
      /resource "_a_p_i" must be lower-case words/,
    ],
    ["a scope that is none", { a: { b: { scope: "all" } } }, /scope must be one of team, admin/],
    ["a status that is none", { a: { b: { status: "ok" } } }, /status must be one of success/],
    ["an actor that is none", { a: { b: { actor: "me" } } }, /actor must be "system" or "self"/],
    [
      "an id that is none",
      { a: { b: { id: "user" } } },
      /id must be "name", "none" or { of: type }/,
    ],
    ["an actor that cannot act", { a: { b: { actor: "self" } } }, /"self" needs the id of one of/],
    ["ids that the server refuses", { sandbox: { b: { id: "name" } } }, /than sb-{uuid}/],
    ["metadata that is no schema", { a: { b: { metadata: {} } } }, /must be a Standard Schema/],
    [
      "an asynchronous schema",
      { a: { b: { metadata: z.object({}).refine(async () => true) } } },
      /must be a synchronous schema/,
    ],
  ])("with %s is refused at once", (_what, definitions, message) => {
    expect(() => defineEvents(definitions as never)).toThrow(message);
  });

  it("with wrong prefixes is refused at once", () => {
    expect(() => defineEvents({}, { prefixes: { team: "t" } })).toThrow(/"team" cannot be changed/);
  });

  it("may have names that objects have", () => {
    const recorder = createTestRecorder();
    const events = defineEvents({ constructor: { toString: { action: "a" } } });
    events.recordTo(recorder).constructor.toString("1");
    expect(recorder.entries).toMatchObject([{ resource: { type: "constructor", id: "1" } }]);
  });
});

function fail(error: unknown): never {
  throw error;
}
