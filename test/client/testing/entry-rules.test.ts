import {
  create,
  fromBinary,
  type JsonObject,
  type MessageInitShape,
  toBinary,
} from "@bufbuild/protobuf";
import * as fc from "fast-check";
import { expect, it } from "vitest";
import { AuditEntrySchema } from "../../../gen/audit/v1/entry_pb.ts";
import { entryMistakes } from "../../../src/client/testing/entry-rules.ts";
import { AuditError } from "../../../src/errors.ts";
import { createPrefixRegistry, type EntryId } from "../../../src/ids.ts";
import { decodeEntry } from "../../../src/rpc/codec.ts";

const uuid = "0190a7c4-8d2e-4c3a-9f10-2b6f0e4d5a61";
const prefixes = createPrefixRegistry({ volume: "vol" });
const context = {
  principal: {
    kind: "platform_admin",
    id: "usr-1",
    expiresAt: 0,
    teamId: "00000000-0000-0000-0000-000000000000",
  } as never,
  prefixes,
  makeId: () => uuid as EntryId,
};

/** What the server itself says. */
function serverMistakes(entry: Parameters<typeof decodeEntry>[0]): string[] {
  try {
    decodeEntry(entry, "", context);
    return [];
  } catch (error) {
    if (!(error instanceof AuditError)) throw error;
    return error.violations.map(({ field, description }) => `${field}: ${description}`);
  }
}

const text = fc.oneof(
  { weight: 6, arbitrary: fc.constantFrom("", "a", "sandbox", "user", "role_update", "a.b") },
  fc.constantFrom("Bad", "_a", "a__b", "a.", "a\0b", "x".repeat(257), "é".repeat(600)),
  fc.string(),
);
const id = (prefix: string) => fc.oneof(fc.constant(`${prefix}-${uuid}`), fc.constant(""), text);
const address = fc.oneof(
  fc.constantFrom(
    "",
    "192.0.2.1",
    "2001:DB8::1",
    "fe80::1%eth0",
    "10.0.0.0/8",
    "1.2.3",
    "::ffff:1.2.3.4",
  ),
  text,
);
const metadata = fc.oneof(
  fc.constant(undefined),
  fc.dictionary(fc.string(), fc.jsonValue({ maxDepth: 20 })),
  fc.constantFrom(
    { big: "x".repeat(33_000) },
    { numbers: Array.from({ length: 200 }, () => 1e300) },
    { nul: "\0" },
    { tiny: Array.from({ length: 100 }, () => 5e-324) },
    { full: "x".repeat(32_700) },
    deep(15),
    deep(16),
  ),
);

function deep(levels: number): JsonObject {
  return levels === 0 ? {} : { a: deep(levels - 1) };
}

const entries: fc.Arbitrary<MessageInitShape<typeof AuditEntrySchema>> = fc.record(
  {
    id: id("log"),
    teamId: id("team"),
    actor: fc.record({
      type: fc.integer({ min: 0, max: 5 }),
      id: fc.oneof(id("usr"), id("key"), fc.constant("system")),
      name: text,
    }),
    resource: fc.record({
      type: fc.oneof(fc.constantFrom("sandbox", "volume", "snapshot"), text),
      id: fc.oneof(id("sb"), id("vol")),
      name: text,
    }),
    action: text,
    context: fc.record({ ipAddress: address, userAgent: text, requestId: text, traceId: text }),
    metadata,
    occurTime: fc.record({
      seconds: fc.constantFrom(
        -62_135_596_800n,
        -62_135_596_801n,
        253_402_300_799n,
        253_402_300_800n,
        0n,
      ),
      nanos: fc.constantFrom(0, 999_000_000),
    }),
  },
  { requiredKeys: [] },
) as fc.Arbitrary<MessageInitShape<typeof AuditEntrySchema>>;

it("finds exactly the mistakes that the server finds", () => {
  const seen = { right: 0, wrong: 0 };
  fc.assert(
    fc.property(entries, (init) => {
      const entry = fromBinary(
        AuditEntrySchema,
        toBinary(AuditEntrySchema, create(AuditEntrySchema, init)),
      );
      const expected = serverMistakes(entry);
      expect([...entryMistakes(entry, prefixes)].sort()).toEqual(expected.sort());
      seen[expected.length === 0 ? "right" : "wrong"] += 1;
    }),
    { numRuns: 3_000 },
  );
  expect(Math.min(seen.right, seen.wrong)).toBeGreaterThan(20);
});

it("refuses what is too large as a whole, as the server does", () => {
  const many = { metadata: { many: Array.from({ length: 8_000 }, () => true) } };
  const entry = create(AuditEntrySchema, { action: "create", ...many });
  expect(serverMistakes(entry)).toEqual(entryMistakes(entry, prefixes));
});
