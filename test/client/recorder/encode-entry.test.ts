import { create, fromBinary, type JsonObject, toBinary } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { AuditEntrySchema } from "../../../gen/audit/v1/entry_pb.ts";
import { compileRedaction } from "../../../src/client/metadata/redaction.ts";
import type { NewEntry, NewResource } from "../../../src/client/new-entry.ts";
import {
  bytesOf,
  encodeEntry,
  UnencodableError,
} from "../../../src/client/recorder/encode-entry.ts";
import { actorTypes, scopes, statuses } from "../../../src/client/words.ts";

const rules = compileRedaction({ keys: ["iban"], paths: ["actor.name", "context.*"] });
const none = compileRedaction({ defaultKeys: false });
const nowhere = { actor: undefined, teamId: undefined, context: undefined };
const amendments: string[] = [];
const amend = (message: string) => {
  amendments.push(message);
};
const decoded = (entry: NewEntry, around = {}) => {
  amendments.length = 0;
  return fromBinary(
    AuditEntrySchema,
    bytesOf(encodeEntry(entry, { ...nowhere, ...around }, none, amend)),
  );
};
const metadataOf = (metadata: unknown) =>
  decoded({ action: "a", metadata: metadata as NonNullable<NewEntry["metadata"]> }).metadata;

/** As the generators here make it: nothing is undefined. */
type Filled<T> = { [Name in keyof T]: Exclude<T[Name], undefined> };

const text = fc.string({ unit: "grapheme", maxLength: 200 });
const some = <T>(value: fc.Arbitrary<T>) => fc.option(value, { nil: undefined });
const jsonObject = fc
  .dictionary(text, fc.jsonValue({ maxDepth: 4 }), { maxKeys: 6 })
  .map((value) => JSON.parse(JSON.stringify(value)) as JsonObject);
const record = <T extends object>(model: { [K in keyof T]: fc.Arbitrary<T[K]> }) =>
  fc.record(model, { requiredKeys: [] });

const entries = fc
  .record({
    id: text.map((rest) => `log-${rest}` as const),
    teamId: text.map((rest) => `team-${rest}` as const),
    action: text,
    actor: some(
      fc.record({
        type: fc.constantFrom("user", "api_key", "service", "system", "anonymous"),
        id: text,
        name: text,
      }),
    ),
    resource: some(fc.record({ type: text, id: text, name: text })),
    scope: fc.constantFrom("team", "admin"),
    status: fc.constantFrom("success", "info", "warning", "error"),
    metadata: some(jsonObject),
    context: some(record({ ipAddress: text, userAgent: text, requestId: text, traceId: text })),
    occurTime: fc.date({ noInvalidDate: true }),
  })
  .map((entry) => entry as NewEntry & { id: string; occurTime: Date });

describe("an entry is encoded", () => {
  test("as the generated code would encode it, byte for byte", () => {
    fc.assert(
      fc.property(entries, (entry) => {
        const { actor, scope = "team", status = "success", occurTime, context } = entry;
        const message = create(AuditEntrySchema, {
          id: entry.id,
          teamId: entry.teamId ?? "",
          action: entry.action,
          ...(actor && {
            actor: { ...(actor as Filled<typeof actor>), type: actorTypes.value(actor.type) },
          }),
          ...(entry.resource && { resource: entry.resource as Filled<NewResource> }),
          scope: scopes.value(scope),
          status: statuses.value(status),
          ...(entry.metadata && { metadata: entry.metadata as JsonObject }),
          ...(context &&
            Object.values(context).some(Boolean) && {
              context: context as Filled<typeof context>,
            }),
          occurTime: timestampFromMs(occurTime.getTime()),
        });
        const expected = toBinary(AuditEntrySchema, message);
        fc.pre(expected.length <= 65_536);
        const bytes = bytesOf(encodeEntry(entry, nowhere, none, amend));
        expect(Buffer.from(bytes).toString("hex")).toBe(Buffer.from(expected).toString("hex"));
      }),
      { numRuns: 1_000 },
    );
  });

  test("with texts of any length, ASCII or not", () => {
    for (const length of [0, 1, 127, 128, 129, 16_370, 16_384, 60_000]) {
      for (const value of [
        "x".repeat(length),
        `${"x".repeat(length)}é`,
        `é${"x".repeat(length)}`,
      ]) {
        expect(metadataOf({ value, after: "kept" })).toEqual({ value, after: "kept" });
      }
    }
  });

  test("with a new id and the time of the call, when it has none", () => {
    const before = Date.now();
    const { id, occurTime } = decoded({ action: "create" });
    expect(id).toMatch(/^log-[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
    expect(Number(occurTime?.seconds) * 1_000).toBeGreaterThanOrEqual(before - 1_000);
    expect(new Set(Array.from({ length: 5_000 }, () => decoded({ action: "a" }).id)).size).toBe(
      5_000,
    );
  });

  test("with what surrounds it, field by field, where it says nothing itself", () => {
    const entry = decoded(
      { action: "create", context: { requestId: "own" } },
      {
        actor: { type: "user", id: "usr-1" },
        teamId: "team-1",
        context: { requestId: "around", traceId: "trace" },
      },
    );
    expect(entry.teamId).toBe("team-1");
    expect(entry.actor?.id).toBe("usr-1");
    expect(entry.context).toMatchObject({ requestId: "own", traceId: "trace" });
  });

  test("as it was at the call, whatever the caller does to it afterwards", () => {
    const metadata: Record<string, unknown> = { a: 1 };
    const bytes = bytesOf(encodeEntry({ action: "create", metadata }, nowhere, none, amend));
    metadata.a = 2;
    expect(fromBinary(AuditEntrySchema, bytes).metadata).toEqual({ a: 1 });
  });

  test("also when encoding it records another", () => {
    const metadata = {
      before: "text",
      get nested() {
        return encodeEntry(
          { action: "inner", metadata: { x: "y".repeat(100) } },
          nowhere,
          none,
          amend,
        ).id;
      },
      after: "text",
    };
    expect(metadataOf(metadata)).toEqual({
      before: "text",
      nested: expect.stringMatching(/^log-/),
      after: "text",
    });
  });
});

describe("metadata is written as JSON would have it", () => {
  test("and what JSON lacks becomes text, null or nothing", () => {
    const metadata = {
      date: new Date(0),
      big: 2n ** 70n,
      nan: Number.NaN,
      infinite: -Infinity,
      undefined: undefined,
      function: () => 1,
      symbol: Symbol("s"),
      error: new TypeError("broken"),
      bytes: Buffer.from("abc"),
      map: new Map([["k", 1]]),
      set: new Set([1, "two"]),
      list: [1, undefined, () => 1, null],
      url: new URL("https://example.com/a"),
      nothing: { toJSON: () => undefined },
    };
    expect(metadataOf(metadata)).toEqual({
      date: "1970-01-01T00:00:00.000Z",
      big: "1180591620717411303424",
      nan: "NaN",
      infinite: "-Infinity",
      error: "TypeError: broken",
      bytes: "[3 bytes]",
      map: { k: 1 },
      set: [1, "two"],
      list: [1, null, null, null],
      url: "https://example.com/a",
      nothing: null,
    });
    expect(amendments).toEqual([]);
  });

  test("and a note stands for what cannot be read, is circular or lies too deep", () => {
    const circular: Record<string, unknown> = { name: "self" };
    circular.self = circular;
    let deep: unknown = "bottom";
    for (let i = 0; i < 30; i++) deep = { deep };
    const metadata = {
      circular,
      deep,
      get thrower(): string {
        throw new Error("not today");
      },
      revoked: (() => {
        const { proxy, revoke } = Proxy.revocable({}, {});
        revoke();
        return proxy;
      })(),
      fine: true,
    };
    const written = metadataOf(metadata) as Record<string, unknown>;
    expect(written).toMatchObject({
      circular: { name: "self", self: "[circular]" },
      thrower: "[unreadable]",
      revoked: "[unreadable]",
      fine: true,
    });
    expect(JSON.stringify(written.deep)).toContain("[too deep]");
    expect(amendments.toSorted()).toEqual([
      "metadata.circular.self: is circular",
      expect.stringMatching(/^metadata(\.deep){16}: is too deep$/),
      "metadata.revoked: is unreadable",
      "metadata.thrower: is unreadable",
    ]);
  });

  test("and what is no object is left out", () => {
    for (const metadata of ["text", 7, ["list"]]) {
      expect(metadataOf(metadata)).toBeUndefined();
      expect(amendments).toHaveLength(1);
    }
  });
});

test("secrets never leave the process, by the names of their keys and by their places", () => {
  const encoded = encodeEntry(
    {
      action: "create",
      actor: { type: "user", id: "usr-1", name: "Ada" },
      resource: { type: "account", name: "kept" },
      metadata: {
        accessToken: "a",
        nested: [{ customer_iban: "b", kept: 1 }],
        get password() {
          throw new Error("not even looked at");
        },
      },
      context: { ipAddress: "203.0.113.7", userAgent: "agent" },
    },
    nowhere,
    rules,
    amend,
  );
  const entry = fromBinary(AuditEntrySchema, bytesOf(encoded));
  expect(entry.metadata).toEqual({
    accessToken: "[redacted]",
    nested: [{ customer_iban: "[redacted]", kept: 1 }],
    password: "[redacted]",
  });
  expect(entry.actor?.name).toBe("[redacted]");
  expect(entry.resource?.name).toBe("kept");
  expect(entry.context).toMatchObject({ ipAddress: "", userAgent: "[redacted]" });
});

describe("an entry is refused", () => {
  test("when it is larger than an entry may be, without its values being copied first", () => {
    const huge = "x".repeat(1 << 28);
    const large: unknown[] = [
      { text: huge },
      { list: new Array(1e9) },
      { nested: { text: huge, other: huge } },
      Object.fromEntries(Array.from({ length: 20_000 }, (_, i) => [`key ${i}`, i])),
    ];
    for (const metadata of large) {
      expect(() => metadataOf(metadata)).toThrow(/larger than 65536 bytes/);
    }
    expect(() => decoded({ action: huge })).toThrow(UnencodableError);
  });

  test("for one byte more than fits", () => {
    const sizeOf = (length: number) => {
      const entry = {
        action: "x".repeat(length),
        id: "log-1" as const,
        occurTime: new Date(1_000),
      };
      return bytesOf(encodeEntry(entry, nowhere, none, amend)).length;
    };
    const longest = 65_536 - (sizeOf(60_000) - 60_000);
    expect(sizeOf(longest)).toBe(65_536);
    expect(() => sizeOf(longest + 1)).toThrow(/larger than 65536 bytes/);
    // Nothing but fields that are not measured before they are written.
    expect(() => metadataOf({ list: Array(17_000).fill(true) })).toThrow(/larger than 65536 bytes/);
  });

  test("when a value has another type than it must", () => {
    const wrong: [object, RegExp][] = [
      [{ action: 7 }, /^action: must be a string$/],
      [{ action: "a", id: {} }, /^id: must be a string$/],
      [{ action: "a", status: "fine" }, /^status: must be one of success, info, warning, error$/],
      [{ action: "a", scope: "toString" }, /^scope: must be one of team, admin$/],
      [{ action: "a", actor: { type: "robot" } }, /^actor.type: must be one of /],
      [{ action: "a", resource: { type: ["x"] } }, /^resource.type: must be a string$/],
    ];
    for (const [entry, message] of wrong) {
      expect(() => decoded(entry as NewEntry)).toThrow(message);
    }
  });

  test("when it cannot be read at all", () => {
    const hostile = new Proxy(
      {},
      {
        get: () => {
          throw new Error("no");
        },
      },
    );
    for (const entry of [hostile, null, undefined, "text"]) {
      expect(() => decoded(entry as NewEntry)).toThrow(UnencodableError);
    }
    // And the next one is encoded as if nothing had been.
    expect(decoded({ action: "next" }).action).toBe("next");
  });
});
