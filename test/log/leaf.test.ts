import { createReadStream } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { AuditEntry } from "../../gen/audit/v1/entry_pb.ts";
import { lineGroups } from "../../src/cli/lines.ts";
import { recordedEntry } from "../../src/client/recorded-entry.ts";
import { recordedFromJson } from "../../src/client/recorded-json.ts";
import type { EntryId, TeamId } from "../../src/ids.ts";
import type { Details, Entry, Json } from "../../src/log/entry.ts";
import { detailsDigest, detailsText, leafHash, leafText } from "../../src/log/leaf.ts";
import { sha256 } from "../../src/log/sha256.ts";
import { arbitraryRecorded } from "../support/arbitrary-entry.ts";
import {
  leafParts,
  lineOf,
  message,
  throughBinary,
  throughJson,
  throughLine,
  verifiedLeaf,
} from "../support/leaf-paths.ts";
import { newTeam } from "../support/new-entry.ts";
import {
  definedDetailsDigest,
  definedDetailsText,
  definedLeafHash,
  definedLeafText,
} from "./defined-leaf.ts";

const teamId = newTeam();
const recorded = arbitraryRecorded(teamId);
const runs = { numRuns: 1_000 };
const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString("hex");

/** What has to come out at the other end, by the definition. */
function due(entry: Entry) {
  const { detailsSalt: salt } = entry;
  return {
    text: definedLeafText(entry),
    hash: hex(definedLeafHash(entry)),
    details: salt && hex(definedDetailsDigest(salt, entry)),
  };
}

/** Holds a received entry to the one that was sent. */
function expectLeaf(received: AuditEntry, sent: Entry): void {
  expect(leafParts(recordedEntry(received))).toEqual(due(sent));
  expect(verifiedLeaf(received)).toBe(hex(sent.leafHash));
}

describe("the leaf of any entry", () => {
  test("is as docs/proofs.md defines it", () => {
    fc.assert(
      fc.property(recorded, (entry) => {
        expect(leafParts(entry)).toEqual(due(entry));
        expect(hex(entry.leafHash)).toBe(due(entry).hash);
      }),
      runs,
    );
  });

  test.each<[string, (sent: AuditEntry) => AuditEntry]>([
    ["protobuf in binary", throughBinary],
    ["protobuf in JSON", throughJson],
    ["a line of NDJSON", throughLine],
    ["all of them, one after another", (sent) => throughLine(throughJson(throughBinary(sent)))],
  ])("is the same to the byte after %s", (_, through) => {
    fc.assert(
      fc.property(recorded, (entry) => expectLeaf(through(message(entry)), entry)),
      runs,
    );
  });

  test("is the same to the byte after a file of NDJSON, read in pieces of any size", async () => {
    const entries = fc.sample(recorded, 1_000);
    const directory = await mkdtemp(join(tmpdir(), "annals-test-"));
    try {
      const path = join(directory, "entries.ndjson");
      await writeFile(path, entries.map((entry) => `${lineOf(message(entry))}\n`).join(""));
      const lines: string[] = [];
      // An odd size cuts through characters of several bytes.
      const input: AsyncIterable<Buffer> = createReadStream(path, { highWaterMark: 1_021 });
      for await (const group of lineGroups(input, 1024 * 1024)) {
        lines.push(...group.map(({ text }) => text ?? ""));
      }
      expect(lines).toHaveLength(entries.length);
      for (const [i, entry] of entries.entries()) {
        expectLeaf(recordedFromJson(JSON.parse(lines[i] ?? "")), entry);
      }
    } finally {
      await rm(directory, { recursive: true });
    }
  });

  test("does not know the order of members in metadata, nor that of the entry's own", () => {
    fc.assert(
      fc.property(recorded, (entry) => {
        const { metadata, ...rest } = entry.details;
        const details =
          metadata === undefined ? rest : { metadata: backwards(metadata) as never, ...rest };
        const members = Object.entries({ ...entry, details }).reverse();
        expect(leafParts(Object.fromEntries(members) as unknown as Entry)).toEqual(due(entry));
      }),
      runs,
    );
  });

  test("is what it was when the details are erased", () => {
    fc.assert(
      fc.property(recorded, ({ detailsSalt: _, ...entry }) => {
        const erased: Entry = { ...entry, details: {}, detailsState: "erased" };
        expect(leafText(erased)).toBe(definedLeafText(entry));
        expect(detailsText(entry.details)).toBe(definedDetailsText(entry));
        expect(verifiedLeaf(throughBinary(message(erased)))).toBe(hex(entry.leafHash));
      }),
      runs,
    );
  });

  test("was tried with what this claims: every plane, depth and edge", () => {
    const entries = fc.sample(recorded, { numRuns: 1_000, seed: 11 });
    const texts: string[] = [];
    const numbers: number[] = [];
    let deepest = 0;
    const visit = (value: Json, depth: number): void => {
      if (typeof value === "string") texts.push(value);
      if (typeof value === "number") numbers.push(value);
      if (typeof value !== "object" || value === null) return;
      deepest = Math.max(deepest, depth);
      if (!Array.isArray(value)) texts.push(...Object.keys(value));
      for (const member of Object.values(value)) visit(member, depth + 1);
    };
    for (const { details, actor, resource, action } of entries) {
      texts.push(actor.id, action, resource?.type ?? "");
      const { metadata, ...others } = details;
      texts.push(...Object.values(others).filter((text) => text !== undefined));
      if (metadata !== undefined) visit(metadata, 1);
    }
    const planes = new Set(Array.from(texts.join(""), (c) => (c.codePointAt(0) ?? 0) >> 16));
    expect(planes.size).toBe(17);
    for (const text of ["", "__proto__", "constructor", "e\u0301", "\u00e9", "\u2028", "\ufeff"]) {
      expect(texts).toContain(text);
    }
    expect(Math.max(...texts.map((text) => Buffer.byteLength(text)))).toBe(1_024);
    for (const number of [0, -0, 1e21, 2 ** 53, 5e-324, 1.7976931348623157e308, 0.1 + 0.2]) {
      expect(numbers.some((n) => Object.is(n, number))).toBe(true);
    }
    expect(deepest).toBe(16);
    const times = entries.flatMap(({ recordTime, occurTime }) => [recordTime, occurTime ?? 0]);
    expect(new Date(Math.min(...times)).toISOString()).toBe("0001-01-01T00:00:00.000Z");
    expect(new Date(Math.max(...times)).toISOString()).toBe("9999-12-31T23:59:59.999Z");
    expect(new Set(entries.map(({ detailsState }) => detailsState)).size).toBe(3);
    const addresses = entries.map(({ details }) => details.ipAddress ?? "");
    expect(addresses.some((address) => address.includes("."))).toBe(true);
    expect(addresses.some((address) => address.includes("::"))).toBe(true);
  });
});

/** An entry with all that an entry may have. */
const full: Entry = {
  id: "0190a7c4-8d2e-7c3a-9f10-2b6f0e4d5a61" as EntryId,
  teamId: "5b1f3a52-5c0e-4f0e-8f8b-3d2a6f9e7c11" as TeamId,
  sequence: 7n,
  recorder: { type: "service", id: "billing" },
  actor: { type: "user", id: "usr-8c2d1f52-0000-4000-8000-000000000001" },
  resource: { type: "snapshot", id: "nightly \u{1f319}" },
  action: "role_update",
  scope: "admin",
  status: "warning",
  occurTime: Date.parse("2026-03-01T12:00:00.120Z"),
  recordTime: Date.parse("2026-03-01T12:00:01.000Z"),
  details: {
    actorName: "Zo\u00eb",
    resourceName: "Nightly",
    metadata: { b: [1, -0, 1e21, null], a: { "\u20ac": "\u2028", "1": true } },
    ipAddress: "2001:db8::1",
    userAgent: "curl/8",
    requestId: "r-1",
    traceId: "t-1",
  },
  detailsState: "present",
  detailsSalt: new Uint8Array(32).fill(1),
  detailsDigest: new Uint8Array(32).fill(2),
  leafHash: new Uint8Array(32),
  bytes: 0,
};

describe("the leaf of an entry, to the byte,", () => {
  test("has all fields by their wire names, in order", () => {
    expect(leafText(full)).toBe(
      '{"action":"role_update",' +
        '"actor":{"id":"usr-8c2d1f52-0000-4000-8000-000000000001","type":"user"},' +
        '"details":"AgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgI",' +
        '"id":"log-0190a7c4-8d2e-7c3a-9f10-2b6f0e4d5a61",' +
        '"occur_time":"2026-03-01T12:00:00.120Z","record_time":"2026-03-01T12:00:01.000Z",' +
        '"recorder":{"id":"billing","type":"service"},' +
        '"resource":{"id":"nightly \u{1f319}","type":"snapshot"},' +
        '"scope":"admin","status":"warning",' +
        '"team_id":"team-5b1f3a52-5c0e-4f0e-8f8b-3d2a6f9e7c11","v":1}',
    );
    expect(hex(leafHash(sha256, full))).toBe(hex(sha256(Buffer.from(`\0${leafText(full)}`))));
  });

  test("leaves out what the entry does not have", () => {
    const { resource: _, occurTime: __, ...rest } = full;
    expect(leafText(rest)).not.toMatch(/resource|occur_time/);
    expect(leafText({ ...full, resource: { type: "image" } })).toContain(
      '"resource":{"type":"image"},"scope"',
    );
    expect(leafText({ ...full, recordTime: Date.parse("0001-01-01T00:00:00.001Z") })).toContain(
      '"record_time":"0001-01-01T00:00:00.001Z"',
    );
  });

  test("commits to the details by the digest of salt and canonical JSON", () => {
    const text =
      '{"actor":{"name":"Zo\u00eb"},"context":{"ip_address":"2001:db8::1","request_id":"r-1",' +
      '"trace_id":"t-1","user_agent":"curl/8"},' +
      '"metadata":{"a":{"1":true,"\u20ac":"\u2028"},"b":[1,0,1e+21,null]},' +
      '"resource":{"name":"Nightly"}}';
    const salt = new Uint8Array(32).fill(1);
    const digest = (details: Details) => hex(detailsDigest(sha256, salt, details));
    const of = (json: string) => hex(sha256(salt, Buffer.from(json)));
    expect(digest(full.details)).toBe(of(text));
    expect(digest({})).toBe(of("{}"));
    expect(digest({ metadata: {} })).toBe(of('{"metadata":{}}'));
    expect(digest({ traceId: "t" })).toBe(of('{"context":{"trace_id":"t"}}'));
  });

  test("of details longer than any buffer is of all of them", () => {
    const salt = new Uint8Array(32).fill(1);
    for (const length of [5_000, 5_440, 5_441, 16_384, 100_000]) {
      const details = { metadata: { text: "\u20ac".repeat(length) } };
      expect(hex(detailsDigest(sha256, salt, details))).toBe(
        hex(definedDetailsDigest(salt, { details })),
      );
    }
  });

  test("is another for any other value of any field", () => {
    const others: Partial<Entry>[] = [
      { id: "0190a7c4-8d2e-7c3a-9f10-2b6f0e4d5a62" as EntryId },
      { teamId: "5b1f3a52-5c0e-4f0e-8f8b-3d2a6f9e7c12" as TeamId },
      { recorder: { type: "user", id: "billing" } },
      { recorder: { type: "service", id: "billin" } },
      { actor: { type: "api_key", id: full.actor.id } },
      { actor: { type: "user", id: "usr-8c2d1f52-0000-4000-8000-000000000002" } },
      { resource: { type: "snapshot" } },
      { resource: { type: "snapshots", id: "nightly \u{1f319}" } },
      { resource: { type: "snapshot", id: "nightly \u{1f318}" } },
      { action: "role_updated" },
      { scope: "team" },
      { status: "error" },
      { occurTime: (full.occurTime ?? 0) + 1 },
      { recordTime: full.recordTime + 1 },
      { detailsDigest: new Uint8Array(32).fill(3) },
    ];
    const texts = [full, ...others.map((other) => ({ ...full, ...other }))].map(leafText);
    expect(new Set(texts).size).toBe(others.length + 1);
    expect(new Set(texts.map((text) => hex(sha256(Buffer.from(text))))).size).toBe(texts.length);
    // The position is proved, not stated.
    expect(leafText({ ...full, sequence: 8n } as Entry)).toBe(leafText(full));
  });

  test("keeps apart what looks the same: composed and decomposed, and letters of other scripts", () => {
    const names = [
      "\u00e9",
      "e\u0301",
      "\u0435\u0301",
      "A",
      "\u0391",
      "\u0410",
      "\u212b",
      "\u00c5",
    ];
    const digests = names.map((actorName) =>
      hex(detailsDigest(sha256, new Uint8Array(32), { actorName })),
    );
    expect(new Set(digests).size).toBe(names.length);
    const keys = names.map((key) =>
      hex(detailsDigest(sha256, new Uint8Array(32), { metadata: { [key]: 1 } })),
    );
    expect(new Set(keys).size).toBe(names.length);
  });

  /** Protobuf's doubles keep the sign, JSON's text does not: it must not matter which it went through. */
  test("does not know the sign of zero, whichever way an entry went", () => {
    const of = (zero: number) => {
      const details = { metadata: { zero, list: [zero], deep: { zero } } };
      const digest = detailsDigest(sha256, full.detailsSalt ?? Buffer.of(), details);
      const entry = { ...full, details, detailsDigest: digest };
      return { ...entry, leafHash: leafHash(sha256, entry) };
    };
    const [negative, positive] = [of(-0), of(0)];
    expect(hex(negative.detailsDigest)).toBe(hex(positive.detailsDigest));
    expect(Object.is(throughBinary(message(negative)).metadata?.zero, -0)).toBe(true);
    for (const through of [throughBinary, throughJson, throughLine]) {
      expectLeaf(through(message(negative)), positive);
    }
  });

  test("cannot be had of a number that is none and would pass for null", () => {
    const received = throughBinary(message(full));
    for (const number of [Number.NaN, Number.POSITIVE_INFINITY]) {
      received.metadata = { a: number };
      expect(() => verifiedLeaf(received)).toThrow(
        expect.objectContaining({ fault: "entry_malformed" }),
      );
    }
  });
});

/** The same value with its members in the opposite order. */
function backwards(value: Json): Json {
  if (Array.isArray(value)) return value.map(backwards);
  if (value === null || typeof value !== "object") return value;
  const members = Object.entries(value).map(([key, member]) => [key, backwards(member)]);
  return Object.fromEntries(members.reverse());
}
