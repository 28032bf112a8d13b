import { create, toBinary } from "@bufbuild/protobuf";
import fc from "fast-check";
import { expect, test } from "vitest";
import { AuditEntrySchema } from "../../gen/audit/v1/entry_pb.ts";
import { platformTeamId } from "../../src/ids.ts";
import type { Entry } from "../../src/log/entry.ts";
import { encodeEntry } from "../../src/rpc/codec.ts";
import { entryBytes } from "../../src/rpc/entry-bytes.ts";
import { arbitraryRecorded } from "../support/arbitrary-entry.ts";

function defined(entry: Entry): Uint8Array {
  return toBinary(AuditEntrySchema, create(AuditEntrySchema, encodeEntry(entry)));
}

test("an entry's bytes are those that protobuf-es writes", () => {
  fc.assert(
    fc.property(arbitraryRecorded(platformTeamId), (entry) => {
      expect(Buffer.from(entryBytes(entry)).toString("hex")).toBe(
        Buffer.from(defined(entry)).toString("hex"),
      );
    }),
    { numRuns: 300 },
  );
});

test("bytes once given out stay as they are", () => {
  const [first, second] = fc.sample(arbitraryRecorded(platformTeamId), 2) as [Entry, Entry];
  const bytes = entryBytes(first);
  entryBytes(second);
  expect(Buffer.from(bytes).equals(defined(first))).toBe(true);
});

test("texts of any length have the right length before them", () => {
  const [entry] = fc.sample(arbitraryRecorded(platformTeamId), 1) as [Entry];
  for (const unit of ["x", "é", "€", "🦆"]) {
    for (const length of [1, 31, 42, 43, 63, 64, 127, 128, 5_461, 5_462, 16_383, 16_384, 40_000]) {
      const text = unit.repeat(length / unit.length);
      const long = { ...entry, action: text, details: { metadata: { [text]: [text, { text }] } } };
      expect(Buffer.from(entryBytes(long)).equals(defined(long))).toBe(true);
    }
  }
});
