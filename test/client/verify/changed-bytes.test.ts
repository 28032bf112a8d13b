import { equals, fromBinary, toBinary } from "@bufbuild/protobuf";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type AuditEntry, AuditEntrySchema } from "../../../gen/audit/v1/entry_pb.ts";
import { recordedFromJson } from "../../../src/client/recorded-json.ts";
import { lineOf } from "../../support/leaf-paths.ts";
import { everyField, refusal, signedLog } from "./signed-log.ts";

const log = signedLog(6);
const full = log.append(everyField);
for (let n = 0; n < 4; n++) log.append();
const verifier = log.verifier();
const checkpoint = await log.checkpoint();
const proof = log.inclusion(full.sequence);

/** A change of one byte: each position once, and more at random. */
function byteChanges(bytes: Uint8Array) {
  const examples = Array.from(bytes, (_, index): [[number, number]] => [[index, 1]]);
  const change = fc.tuple(fc.nat(bytes.length - 1), fc.integer({ min: 1, max: 255 }));
  return { change, options: { numRuns: examples.length + 2_000, examples } };
}

function changed(bytes: Uint8Array, [index, bits]: [number, number]): Uint8Array {
  const copy = new Uint8Array(bytes);
  copy[index] = (copy[index] ?? 0) ^ bits;
  return copy;
}

/** What a reader makes of bytes; undefined if they are nothing. */
function read(decode: () => AuditEntry): AuditEntry | undefined {
  try {
    return decode();
  } catch {
    return undefined;
  }
}

/** Nobody can be shown another entry: what is read of changed bytes is refused, or is the same. */
async function expectNoOtherEntry(
  bytes: Uint8Array,
  decode: (bytes: Uint8Array) => AuditEntry,
): Promise<void> {
  const { change, options } = byteChanges(bytes);
  let refused = 0;
  await fc.assert(
    fc.asyncProperty(change, async (byte) => {
      const entry = read(() => decode(changed(bytes, byte)));
      if (entry === undefined || equals(AuditEntrySchema, entry, full)) return;
      const { fault } = await refusal(() => verifier.verifyEntry(entry, proof, checkpoint));
      expect(fault).toMatch(/_m(ismatch|alformed)$|wrong_team/);
      refused++;
    }),
    options,
  );
  expect(refused).toBeGreaterThan(options.numRuns / 5);
}

describe("with any byte changed", () => {
  test("an entry in protobuf is refused, unless it reads the same", () =>
    expectNoOtherEntry(toBinary(AuditEntrySchema, full), (bytes) =>
      fromBinary(AuditEntrySchema, bytes),
    ));

  test("an entry in a line of JSON is refused, unless it reads the same", () =>
    expectNoOtherEntry(Buffer.from(lineOf(full)), (bytes) => {
      const text = new TextDecoder("utf-8", { fatal: true }).decode(bytes);
      return recordedFromJson(JSON.parse(text));
    }));

  test("an inclusion proof is refused", async () => {
    const bytes = Buffer.concat(proof.hashes);
    const { change, options } = byteChanges(bytes);
    await fc.assert(
      fc.asyncProperty(change, async (byte) => {
        const copy = changed(bytes, byte);
        const hashes = proof.hashes.map((_, n) => copy.subarray(32 * n, 32 * n + 32));
        const error = await refusal(() =>
          verifier.verifyEntry(full, { ...proof, hashes }, checkpoint),
        );
        expect(error.fault).toBe("proof_root_mismatch");
      }),
      options,
    );
  });
});
