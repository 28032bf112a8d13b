import { create, toJsonString } from "@bufbuild/protobuf";
import { compressedFlag, encodeEnvelope } from "@connectrpc/connect/protocol";
import { compressionGzip } from "@connectrpc/connect-node";
import { StreamResponseSchema } from "../../gen/audit/v1/audit_service_pb.ts";
import type { Delivery } from "../feed/delivery.ts";
import type { Leaf } from "../store/entries.ts";
import { encodeEntry } from "./codec.ts";
import { writeEntry } from "./entry-bytes.ts";
import { WireWriter } from "./wire-writer.ts";

/** How a client wants its messages, as the library has negotiated it. */
export interface WireForm {
  readonly json: boolean;
  readonly gzip: boolean;
}

/** Smaller messages are not compressed: the library's own default. */
const compressMinBytes = 1_024;

/** Serves all messages, one after another. */
const writer = new WireWriter();

/** The form of an answer, by the headers that the library has given it. */
export function wireFormOf(responseHeader: Headers): WireForm {
  const encoding =
    responseHeader.get("connect-content-encoding") ?? responseHeader.get("grpc-encoding");
  return {
    json: responseHeader.get("content-type")?.endsWith("json") ?? false,
    gzip: encoding === compressionGzip.name,
  };
}

/** A delivery as a message for the library. */
export function streamResponse<P>(
  { entries, withheld = [], position }: Delivery<P>,
  cursor: (position: P) => string,
) {
  return {
    entries: entries.map(encodeEntry),
    cursor: cursor(position),
    withheld: withheld.map(encodeWithheld),
  };
}

/** A position, and no more of what it holds than its hash. */
function encodeWithheld({ sequence, leafHash }: Leaf) {
  return { sequence, leafHash: leafHash as Uint8Array<ArrayBuffer> };
}

/** What was made of a delivery, for each form. */
type Envelopes = [Envelope?, Envelope?, Envelope?, Envelope?];
type Envelope = Uint8Array | Promise<Uint8Array>;

/**
 * Envelopes by the delivery they are made of, so that those who share one share these: they go
 * when it goes, and a delivery that is made anew, as after an erasure, has none yet.
 */
const known = new WeakMap<object, Envelopes>();

/**
 * A delivery as an enveloped message of Connect, gRPC and gRPC-Web alike, as the library makes it; a promise
 * if it is compressed. Made once for a delivery and form, whoever asks.
 */
export function envelopeOf<P>(
  delivery: Delivery<P>,
  cursor: (position: P) => string,
  { json, gzip }: WireForm,
): Envelope {
  let envelopes = known.get(delivery);
  if (envelopes === undefined) {
    envelopes = [];
    known.set(delivery, envelopes);
  }
  const form = (json ? 1 : 0) + (gzip ? 2 : 0);
  let envelope = envelopes[form];
  if (envelope === undefined) {
    const message = json ? jsonMessage(delivery, cursor) : binaryMessage(delivery, cursor);
    envelope =
      gzip && message.length >= compressMinBytes ? compressed(message) : encodeEnvelope(0, message);
    envelopes[form] = envelope;
  }
  return envelope;
}

function jsonMessage<P>(delivery: Delivery<P>, cursor: (position: P) => string): Uint8Array {
  const message = create(StreamResponseSchema, streamResponse(delivery, cursor));
  return Buffer.from(toJsonString(StreamResponseSchema, message));
}

function binaryMessage<P>(
  { entries, withheld = [], position }: Delivery<P>,
  cursor: (position: P) => string,
): Uint8Array {
  writer.reset();
  for (const entry of entries) {
    const mark = writer.begin(1);
    writeEntry(writer, entry);
    writer.end(mark);
  }
  writer.text(2, cursor(position));
  for (const { sequence, leafHash } of withheld) {
    const mark = writer.begin(3);
    writer.bigint(1, sequence);
    writer.bytes(2, leafHash);
    writer.end(mark);
  }
  return writer.finish();
}

async function compressed(message: Uint8Array): Promise<Uint8Array> {
  const bytes = message as Uint8Array<ArrayBuffer>;
  return encodeEnvelope(compressedFlag, await compressionGzip.compress(bytes));
}
