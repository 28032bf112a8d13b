import { create, fromBinary, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import type { GenMessage } from "@bufbuild/protobuf/codegenv2";
import fc from "fast-check";
import { expect, test } from "vitest";
import {
  EntryProofSchema,
  RecordBatchRequestSchema,
  RecordBatchResponseSchema,
  RecordErrorSchema,
  RecordRequestSchema,
  RecordResponseSchema,
} from "../../gen/audit/v1/audit_service_pb.ts";
import { type AuditEntry, AuditEntrySchema } from "../../gen/audit/v1/entry_pb.ts";
import { formatEntryId, formatTeamId, platformTeamId } from "../../src/ids.ts";
import type { Entry, JsonObject } from "../../src/log/entry.ts";
import { encodeEntry } from "../../src/rpc/codec.ts";
import { writeStruct } from "../../src/rpc/metadata-wire.ts";
import {
  type Outcome,
  readRecordBatchRequest,
  readRecordRequest,
  recordBatchResponseBytes,
  recordResponseBytes,
} from "../../src/rpc/record-wire.ts";
import { UnusualBytes } from "../../src/rpc/wire-reader.ts";
import { encodeTime } from "../../src/rpc/wire-time.ts";
import { WireWriter } from "../../src/rpc/wire-writer.ts";
import { arbitraryRecorded } from "../support/arbitrary-entry.ts";

const arbitraryEntry = arbitraryRecorded(platformTeamId);

/** Entries as a client sends them. U+FFFD may stand for what is not UTF-8, and is not read. */
const sent = arbitraryEntry
  .filter(({ occurTime }) => occurTime === undefined || occurTime >= 0)
  .filter(({ sequence: _, ...entry }) => !JSON.stringify(entry).includes("\ufffd"))
  .map(
    (entry): AuditEntry =>
      create(AuditEntrySchema, {
        ...encodeEntry(entry),
        sequence: 0n,
        recorder: undefined,
        recordTime: undefined,
        detailsState: 0,
        detailsSalt: new Uint8Array(),
        detailsDigest: new Uint8Array(),
        leafHash: new Uint8Array(),
      } as MessageInitShape<typeof AuditEntrySchema>),
  );

const record = fc
  .record({ entry: sent, withProof: fc.boolean() })
  .map((request) => toBinary(RecordRequestSchema, create(RecordRequestSchema, request)));
const batch = fc
  .record({ entries: fc.array(sent, { maxLength: 3 }), acknowledgeOnly: fc.boolean() })
  .map((request) => toBinary(RecordBatchRequestSchema, create(RecordBatchRequestSchema, request)));

/** Some bytes changed: one replaced, bytes cut out, put in, or brought from elsewhere. */
function mutated(bytes: fc.Arbitrary<Uint8Array>): fc.Arbitrary<Uint8Array> {
  const share = fc.double({ min: 0, max: 1, noNaN: true });
  const odd = fc.constantFrom(
    ...[[0], [0xff], [0x80, 0], [0x80, 0x80, 0], [0xed, 0xa0, 0x80], [0xc0, 0xaf], [0x0a, 0x00]],
    ...[[0x18, 0x05], [0x2a, 0x00], [0x1a, 0x01, 0x78], [0x0b], [0x0c], [0x08, 0x00], [0x48, 0x63]],
    ...[[0xff, 0xff, 0xff, 0xff, 0x0f], [0x82, 0x01, 0x01, 0x78], [0x8a, 0x00, 0x00], [0x07]],
  );
  const change = fc.tuple(share, share, share, fc.nat(5), fc.nat(255), odd);
  return fc.tuple(bytes, fc.array(change, { minLength: 1, maxLength: 3 })).map(([start, changes]) =>
    changes.reduce<Uint8Array>((now, [from, to, at, kind, byte, inserted]) => {
      const place = Math.floor(at * now.length);
      const [first, last] = [from, to].sort().map((x) => Math.floor(x * now.length));
      const part = now.subarray(first, last);
      const before = now.subarray(0, place);
      const after = now.subarray(place);
      if (kind === 0) return Buffer.concat([before, Buffer.of(byte), after.subarray(1)]);
      if (kind === 1) return before;
      if (kind === 2) return Buffer.concat([before, part, after]);
      if (kind === 3) return Buffer.concat([before, after.subarray(1 + (byte % 4))]);
      if (kind === 4)
        return Buffer.concat([
          before,
          Buffer.of((now[place] ?? 0) ^ (1 << (byte % 8))),
          after.subarray(1),
        ]);
      return Buffer.concat([before, Buffer.from(inserted), after]);
    }, start),
  );
}

/** Whether the reader accepted the bytes; what it then says must be what protobuf-es says. */
function accepts<T extends { $typeName: string }>(
  read: (bytes: Uint8Array) => T,
  schema: GenMessage<T & { $typeName: T["$typeName"] }>,
  bytes: Uint8Array,
): boolean {
  let message: T;
  try {
    message = read(bytes);
  } catch (error) {
    if (error instanceof UnusualBytes) return false;
    throw error;
  }
  const defined = fromBinary(schema, bytes);
  expect(message).toEqual(defined);
  expect(hex(toBinary(schema, message))).toBe(hex(toBinary(schema, defined)));
  return true;
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("hex");
}

test("what clients send is read as protobuf-es reads it", () => {
  fc.assert(
    fc.property(record, batch, (one, many) => {
      expect(accepts(readRecordRequest, RecordRequestSchema, one)).toBe(true);
      expect(accepts(readRecordBatchRequest, RecordBatchRequestSchema, many)).toBe(true);
    }),
    { numRuns: 100 },
  );
});

test("whatever is accepted, protobuf-es accepts too and reads alike", () => {
  const accepted = { true: 0, false: 0 };
  fc.assert(
    fc.property(mutated(record), mutated(batch), (one, many) => {
      accepted[`${accepts(readRecordRequest, RecordRequestSchema, one)}`] += 1;
      accepted[`${accepts(readRecordBatchRequest, RecordBatchRequestSchema, many)}`] += 1;
    }),
    { numRuns: 1_000 },
  );
  expect(accepted.true).toBeGreaterThan(100);
  expect(accepted.false).toBeGreaterThan(100);
});

test.each([
  ["a field it does not know", [0x78, 0x01]],
  ["a field that only the server sets", [0x0a, 0x02, 0x18, 0x05]],
  ["a field of another wire type", [0x0a, 0x02, 0x08, 0x05]],
  ["a message that comes twice", [0x0a, 0x00, 0x0a, 0x00]],
  ["a message within it that comes twice", [0x0a, 0x04, 0x2a, 0x00, 0x2a, 0x00]],
  ["a length beyond the end", [0x0a, 0x05, 0x0a, 0x01, 0x78]],
  ["a length beyond its message's", [0x0a, 0x02, 0x0a, 0x01, 0x78]],
  ["text that is not UTF-8", [0x0a, 0x04, 0x0a, 0x02, 0xc0, 0xaf]],
  ["text that has a surrogate", [0x0a, 0x05, 0x0a, 0x03, 0xed, 0xa0, 0x80]],
  ["a negative enum", [0x0a, 0x0b, 0x40, ...new Array(9).fill(0xff), 0x01]],
  ["an endless number", [0x0a, 0x0b, 0x40, ...new Array(10).fill(0x80)]],
  ["a bool of two bytes", [0x10, 0x81, 0x00]],
  ["a group", [0x0b, 0x0c]],
  ["a value of no kind", [0x0a, 0x08, 0x52, 0x06, 0x0a, 0x04, 0x0a, 0x00, 0x12, 0x00]],
  ["a member without a value", [0x0a, 0x06, 0x52, 0x04, 0x0a, 0x02, 0x0a, 0x00]],
])("%s is left to protobuf-es", (_, bytes) => {
  expect(() => readRecordRequest(Uint8Array.from(bytes))).toThrow(UnusualBytes);
});

test("metadata that is too deep is left to protobuf-es", () => {
  let metadata: Record<string, unknown> = {};
  for (let depth = 1; depth < 2_000; depth++) metadata = { "": metadata };
  const writer = new WireWriter();
  const entry = writer.begin(1);
  const struct = writer.begin(10);
  writeStruct(writer, metadata as JsonObject);
  writer.end(struct);
  writer.end(entry);
  expect(() => readRecordRequest(writer.finish())).toThrow(UnusualBytes);
});

test("answers are the bytes that protobuf-es writes", () => {
  const proof = create(EntryProofSchema, {
    checkpoint: "note",
    leafIndex: 6n,
    hashes: [new Uint8Array(32).fill(7), new Uint8Array(32).fill(8)],
  });
  const error = create(RecordErrorSchema, {
    code: 3,
    message: "actor.id: is required",
    fieldViolations: [{ field: "actor.id", description: "is required" }],
    retryDelay: { seconds: 1n },
  });
  fc.assert(
    fc.property(
      fc.array(fc.oneof(arbitraryEntry, fc.constant(error)), { maxLength: 4 }),
      fc.boolean(),
      (outcomes, acknowledgeOnly) => {
        const given = outcomes.map(
          (value): Outcome =>
            "leafHash" in value ? { case: "entry", value } : { case: "error", value },
        );
        const encode = acknowledgeOnly ? acknowledge : encodeEntry;
        const results = given.map((outcome) => ({
          outcome:
            outcome.case === "entry"
              ? { case: outcome.case, value: create(AuditEntrySchema, encode(outcome.value)) }
              : outcome,
        }));
        expect(hex(recordBatchResponseBytes(given, acknowledgeOnly))).toBe(
          hex(toBinary(RecordBatchResponseSchema, create(RecordBatchResponseSchema, { results }))),
        );
        const [first] = given;
        if (first?.case !== "entry") return;
        const answer = { entry: first.value, cursor: "cursor", ...(acknowledgeOnly && { proof }) };
        expect(hex(recordResponseBytes(answer))).toBe(
          hex(
            toBinary(
              RecordResponseSchema,
              create(RecordResponseSchema, { ...answer, entry: encodeEntry(first.value) }),
            ),
          ),
        );
      },
    ),
    { numRuns: 100 },
  );
});

function acknowledge({ id, teamId, sequence, recordTime }: Entry) {
  return {
    id: formatEntryId(id),
    teamId: formatTeamId(teamId),
    sequence,
    recordTime: encodeTime(recordTime),
  };
}
