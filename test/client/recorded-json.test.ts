import { create, equals } from "@bufbuild/protobuf";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { AuditEntrySchema } from "../../gen/audit/v1/entry_pb.ts";
import { EntryJsonError, entryToJson } from "../../src/client/entry-json.ts";
import { recordedFromJson } from "../../src/client/recorded-json.ts";
import { arbitraryRecorded } from "../support/arbitrary-entry.ts";
import { message } from "../support/leaf-paths.ts";
import { newTeam } from "../support/new-entry.ts";

const time = "2026-03-01T12:00:00.120Z";

describe("a recorded entry", () => {
  test("is read from JSON as it was written, every field of it", () => {
    fc.assert(
      fc.property(arbitraryRecorded(newTeam()), (entry) => {
        const sent = message(entry);
        const json: unknown = JSON.parse(JSON.stringify(entryToJson(sent)));
        const read = recordedFromJson(json);
        expect(equals(AuditEntrySchema, read, sent)).toBe(true);
        expect(entryToJson(read)).toEqual(json);
      }),
      { numRuns: 1_000 },
    );
  });

  test("is a message like any other", () => {
    const json = { id: "x", actor: {}, resource: {}, recorder: {}, recordTime: time };
    const read = recordedFromJson(json);
    expect(read).toEqual(create(AuditEntrySchema, { ...read }));
    expect(entryToJson(read)).toEqual(json);
    expect(recordedFromJson({})).toEqual(create(AuditEntrySchema));
  });

  test("has its sequence exactly, as a number up to 2^53 - 1 and as text beyond", () => {
    const safe = Number.MAX_SAFE_INTEGER;
    expect(recordedFromJson({ sequence: 1 }).sequence).toBe(1n);
    expect(recordedFromJson({ sequence: safe }).sequence).toBe(2n ** 53n - 1n);
    expect(recordedFromJson({ sequence: `${2n ** 53n}` }).sequence).toBe(2n ** 53n);
    expect(recordedFromJson({ sequence: `${2n ** 64n - 1n}` }).sequence).toBe(2n ** 64n - 1n);
  });

  test("may have times from the year 1 to the year 9999, leap days too", () => {
    for (const text of [
      "0001-01-01T00:00:00.000Z",
      "1969-12-31T23:59:59.999Z",
      "2000-02-29T00:00:00.001Z",
      "9999-12-31T23:59:59.999Z",
    ]) {
      expect(entryToJson(recordedFromJson({ occurTime: text }))).toEqual({ occurTime: text });
    }
  });

  test.each<[unknown, string]>([
    [null, "entry"],
    [[], "entry"],
    ["{}", "entry"],
    [{ more: 1 }, "more"],
    [JSON.parse('{"__proto__": {}}'), "__proto__"],
    [{ id: 1 }, "id"],
    [{ id: "" }, "id"],
    [{ id: null }, "id"],
    [{ sequence: 0 }, "sequence"],
    [{ sequence: -1 }, "sequence"],
    [{ sequence: 1.5 }, "sequence"],
    [{ sequence: 2 ** 53 }, "sequence"],
    [{ sequence: "1" }, "sequence"],
    [{ sequence: `${2n ** 53n - 1n}` }, "sequence"],
    [{ sequence: `0${2n ** 53n}` }, "sequence"],
    [{ sequence: `${2n ** 64n}` }, "sequence"],
    [{ sequence: "9".repeat(100) }, "sequence"],
    [{ recorder: "user" }, "recorder"],
    [{ recorder: { name: "x" } }, "recorder.name"],
    [{ recorder: { type: "" } }, "recorder.type"],
    [{ actor: { type: "robot" } }, "actor.type"],
    [{ actor: { type: "6" } }, "actor.type"],
    [{ actor: { type: 1 } }, "actor.type"],
    [{ actor: { id: "" } }, "actor.id"],
    [{ actor: { more: "" } }, "actor.more"],
    [{ resource: [] }, "resource"],
    [{ resource: { more: "" } }, "resource.more"],
    [{ resource: { name: "" } }, "resource.name"],
    [{ scope: "TEAM" }, "scope"],
    [{ scope: "" }, "scope"],
    [{ status: "7" }, "status"],
    [{ metadata: [1] }, "metadata"],
    [{ metadata: null }, "metadata"],
    [{ context: {} }, "context"],
    [{ context: { more: "x" } }, "context.more"],
    [{ context: { ipAddress: "" } }, "context.ipAddress"],
    [{ occurTime: "2026-03-01T12:00:00Z" }, "occurTime"],
    [{ occurTime: "2026-03-01T12:00:00.1200Z" }, "occurTime"],
    [{ occurTime: "2026-03-01T12:00:00.120+00:00" }, "occurTime"],
    [{ occurTime: "2026-03-01t12:00:00.120z" }, "occurTime"],
    [{ occurTime: "2026-02-30T12:00:00.120Z" }, "occurTime"],
    [{ occurTime: "2026-04-31T12:00:00.120Z" }, "occurTime"],
    [{ occurTime: "2025-02-29T12:00:00.120Z" }, "occurTime"],
    [{ occurTime: "2026-00-01T12:00:00.120Z" }, "occurTime"],
    [{ occurTime: "2026-13-01T12:00:00.120Z" }, "occurTime"],
    [{ occurTime: "2026-03-00T12:00:00.120Z" }, "occurTime"],
    [{ occurTime: "2026-03-01T24:00:00.000Z" }, "occurTime"],
    [{ occurTime: "2026-03-01T12:60:00.000Z" }, "occurTime"],
    [{ occurTime: "2026-03-01T12:00:60.000Z" }, "occurTime"],
    [{ recordTime: "0000-03-01T12:00:00.120Z" }, "recordTime"],
    [{ recordTime: "+010000-03-01T12:00:00.120Z" }, "recordTime"],
    [{ recordTime: `${time}\n` }, "recordTime"],
    [{ recordTime: 0 }, "recordTime"],
    [{ detailsState: "gone" }, "detailsState"],
    [{ detailsSalt: "" }, "detailsSalt"],
    [{ detailsSalt: "/wA" }, "detailsSalt"],
    [{ detailsDigest: "_wAB" }, "detailsDigest"],
    [{ detailsDigest: "/wB=" }, "detailsDigest"],
    [{ leafHash: "/wAB\n" }, "leafHash"],
    [{ leafHash: [1] }, "leafHash"],
  ])("is refused by the name of what is wrong: %j, %s", (value, field) => {
    expect(() => recordedFromJson(value)).toThrow(EntryJsonError);
    expect(() => recordedFromJson(value)).toThrow(`${field}: `);
  });
});
