import { gunzipSync } from "node:zlib";
import { create, toBinary, toJsonString } from "@bufbuild/protobuf";
import { encodeEnvelope } from "@connectrpc/connect/protocol";
import fc from "fast-check";
import { expect, test } from "vitest";
import { StreamResponseSchema } from "../../gen/audit/v1/audit_service_pb.ts";
import type { Delivery } from "../../src/feed/delivery.ts";
import { platformTeamId } from "../../src/ids.ts";
import { type Position, positionAfter } from "../../src/log/position.ts";
import { encodeCursor } from "../../src/rpc/cursor.ts";
import {
  envelopeOf,
  streamResponse,
  type WireForm,
  wireFormOf,
} from "../../src/rpc/stream-message.ts";
import { arbitraryRecorded } from "../support/arbitrary-entry.ts";

const cursor = (position: Position) => encodeCursor(platformTeamId, position);
const forms = [false, true].flatMap((json) => [false, true].map((gzip) => ({ json, gzip })));

const arbitraryDelivery: fc.Arbitrary<Delivery<Position>> = fc
  .record({
    entries: fc.array(arbitraryRecorded(platformTeamId), { maxLength: 5 }),
    others: fc.option(fc.array(arbitraryRecorded(platformTeamId), { maxLength: 5 })),
    last: arbitraryRecorded(platformTeamId),
  })
  .map(({ entries, others, last }) => ({
    entries,
    ...(others === null ? {} : { withheld: others }),
    position: positionAfter(last),
  }));

/** The message as the library encodes it. */
function encoded(delivery: Delivery<Position>, { json }: WireForm): Uint8Array {
  const message = create(StreamResponseSchema, streamResponse(delivery, cursor));
  return json
    ? Buffer.from(toJsonString(StreamResponseSchema, message))
    : toBinary(StreamResponseSchema, message);
}

test("an envelope holds the message that the library would send, in every form", async () => {
  await fc.assert(
    fc.asyncProperty(arbitraryDelivery, fc.constantFrom(...forms), async (delivery, form) => {
      const expected = Buffer.from(encoded(delivery, form));
      const envelope = Buffer.from(await envelopeOf(delivery, cursor, form));
      if (form.gzip && expected.length >= 1_024) {
        expect(envelope[0]).toBe(1);
        expect(envelope.readUInt32BE(1)).toBe(envelope.length - 5);
        expect(gunzipSync(envelope.subarray(5)).equals(expected)).toBe(true);
      } else {
        expect(envelope.equals(encodeEnvelope(0, expected))).toBe(true);
      }
    }),
    { numRuns: 100 },
  );
});

test("those who are sent the same delivery in the same form share one envelope, and no others do", async () => {
  const [one, other] = fc.sample(arbitraryDelivery, 2) as [Delivery<Position>, Delivery<Position>];
  const envelopes = await Promise.all(
    [one, other].flatMap((delivery) => forms.map((form) => envelopeOf(delivery, cursor, form))),
  );
  expect(new Set(envelopes).size).toBe(envelopes.length);
  const again = await Promise.all(forms.map((form) => envelopeOf(one, cursor, form)));
  expect(again).toEqual(envelopes.slice(0, forms.length));
  for (const [i, envelope] of again.entries()) expect(envelope).toBe(envelopes[i]);
});

test.each([
  ["application/connect+proto", {}, { json: false, gzip: false }],
  ["application/connect+json", { "connect-content-encoding": "gzip" }, { json: true, gzip: true }],
  ["application/grpc", { "grpc-encoding": "gzip" }, { json: false, gzip: true }],
  ["application/grpc+json", {}, { json: true, gzip: false }],
  ["application/grpc-web+proto", {}, { json: false, gzip: false }],
])("the form of %s with %j is told by what the library has answered", (type, others, form) => {
  expect(wireFormOf(new Headers({ "content-type": type, ...others }))).toEqual(form);
});
