import { create, equals } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { describe, expect, it } from "vitest";
import {
  ActorType,
  AuditEntrySchema,
  DetailsState,
  EntryScope,
  EntryStatus,
} from "../../gen/audit/v1/entry_pb.ts";
import { entryFromJson, entryToJson } from "../../src/client/entry-json.ts";

const TIME = timestampFromMs(Date.UTC(2026, 2, 1, 12, 0, 0, 120));

const recordable = () =>
  create(AuditEntrySchema, {
    id: "log-0190a7c4-8d2e-7c3a-9f10-2b6f0e4d5a61",
    teamId: "team-5b1f3a52-5c0e-4f0e-8f8b-3d2a6f9e7c11",
    actor: { type: ActorType.API_KEY, id: "key-1", name: "deploy bot" },
    resource: { type: "sandbox", id: "sb-1", name: "runner" },
    action: "create",
    scope: EntryScope.ADMIN,
    status: EntryStatus.WARNING,
    metadata: { vcpus: 2, nested: { list: [null, "x"] } },
    context: { ipAddress: "2001:db8::1", userAgent: "curl", requestId: "r-1", traceId: "t-1" },
    occurTime: TIME,
  });

describe("an entry as JSON", () => {
  it("has short words, whole milliseconds, a plain number and base64", () => {
    const entry = recordable();
    entry.sequence = 7n;
    entry.recorder = create(AuditEntrySchema, { recorder: { type: "service", id: "s" } }).recorder;
    entry.recordTime = TIME;
    entry.detailsState = DetailsState.PRESENT;
    entry.leafHash = new Uint8Array([255, 0, 1]);
    expect(entryToJson(entry)).toEqual({
      id: "log-0190a7c4-8d2e-7c3a-9f10-2b6f0e4d5a61",
      teamId: "team-5b1f3a52-5c0e-4f0e-8f8b-3d2a6f9e7c11",
      sequence: 7,
      recorder: { type: "service", id: "s" },
      actor: { type: "api_key", id: "key-1", name: "deploy bot" },
      resource: { type: "sandbox", id: "sb-1", name: "runner" },
      action: "create",
      scope: "admin",
      status: "warning",
      metadata: { vcpus: 2, nested: { list: [null, "x"] } },
      context: { ipAddress: "2001:db8::1", userAgent: "curl", requestId: "r-1", traceId: "t-1" },
      occurTime: "2026-03-01T12:00:00.120Z",
      recordTime: "2026-03-01T12:00:00.120Z",
      detailsState: "present",
      leafHash: "/wAB",
    });
  });

  it("leaves out what is absent, and keeps a sequence beyond 2^53 exact", () => {
    const entry = create(AuditEntrySchema, { action: "user.login", sequence: 2n ** 63n });
    expect(entryToJson(entry)).toEqual({ action: "user.login", sequence: "9223372036854775808" });
  });

  it("reads back as the entry to record, output-only fields left out", () => {
    const entry = recordable();
    const json: unknown = JSON.parse(JSON.stringify(entryToJson(entry)));
    expect(equals(AuditEntrySchema, entryFromJson(json), entry)).toBe(true);
    const line = { ...(json as object), sequence: 7, recordTime: "2026-03-01T12:00:00.120Z" };
    expect(equals(AuditEntrySchema, entryFromJson(line), entry)).toBe(true);
  });

  it.each([
    [[], "entry: must be a JSON object"],
    [{ acton: "create" }, "acton: unknown field"],
    [{ action: 1 }, "action: must be a string"],
    [{ actor: { type: "USER", id: "x" } }, "actor.type: must be one of user, api_key"],
    [{ actor: { typ: "user" } }, "actor.typ: unknown field"],
    [{ status: "ok" }, "status: must be one of success"],
    [{ metadata: [1] }, "metadata: must be a JSON object"],
    [{ occurTime: "2026-02-30T00:00:00Z" }, "occurTime: must be an RFC 3339 time"],
    [{ occurTime: "yesterday" }, "occurTime: must be an RFC 3339 time"],
  ])("refuses %j by the field's name", (value, message) => {
    expect(() => entryFromJson(value)).toThrow(message);
  });

  it("understands offsets and cuts off what is finer than a millisecond", () => {
    const entry = entryFromJson({ action: "a", occurTime: "2026-03-01T13:30:00.120999+01:30" });
    expect(entry.occurTime).toEqual(TIME);
  });
});
