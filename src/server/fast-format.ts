import type { IncomingHttpHeaders, ServerHttp2Stream } from "node:http2";
import { compressionNegotiate } from "@connectrpc/connect/protocol";
import * as connect from "@connectrpc/connect/protocol-connect";
import * as grpc from "@connectrpc/connect/protocol-grpc";
import { requestIdHeader } from "./request-id.ts";
import { acceptCompression } from "./rpc-handler.ts";

/** How the plain unary calls of one content type look on an HTTP/2 stream. */
export interface Format {
  readonly protocol: "connect" | "grpc";
  readonly json: boolean;
  /** The headers of compression, of the message and of what may come back. */
  readonly encoding: string;
  readonly acceptEncoding: string;
  readonly timeout: string;
  readonly parseTimeout: typeof connect.parseTimeout;
  /** Of the answer. */
  readonly contentType: string;
  /** A body whose message is empty. */
  readonly emptyBody: Buffer;
}

/** Of a gRPC message: a byte of flags and four of length. */
const prefixBytes = 5;

const connectFormat = {
  protocol: "connect",
  encoding: "content-encoding",
  acceptEncoding: "accept-encoding",
  timeout: "connect-timeout-ms",
  parseTimeout: connect.parseTimeout,
} as const;
const grpcFormat: Format = {
  protocol: "grpc",
  json: false,
  encoding: "grpc-encoding",
  acceptEncoding: "grpc-accept-encoding",
  timeout: "grpc-timeout",
  parseTimeout: grpc.parseTimeout,
  contentType: grpc.contentTypeProto,
  emptyBody: Buffer.alloc(prefixBytes),
};

/** By the content type, exactly as clients usually write it. */
export const formats: ReadonlyMap<unknown, Format> = new Map<unknown, Format>([
  [
    connect.contentTypeUnaryProto,
    {
      ...connectFormat,
      json: false,
      contentType: connect.contentTypeUnaryProto,
      emptyBody: Buffer.alloc(0),
    },
  ],
  [
    connect.contentTypeUnaryJson,
    {
      ...connectFormat,
      json: true,
      contentType: connect.contentTypeUnaryJson,
      emptyBody: Buffer.from("{}"),
    },
  ],
  ["application/grpc", grpcFormat],
  [grpc.contentTypeProto, grpcFormat],
]);

/** From this size on the library compresses answers for clients that take it. */
const compressMinBytes = 1024;

/** A header, or null as the library has it for none. */
export function headerText(headers: IncomingHttpHeaders, name: string): string | null {
  const value = headers[name];
  return value === undefined ? null : String(value);
}

/** Whether a body that begins like this may yet be one plain message of `maxBytes` at most. */
export function mayBecomeMessage({ protocol }: Format, begun: Buffer, maxBytes: number): boolean {
  if (protocol === "connect") return begun.length <= maxBytes;
  if (begun.length < prefixBytes) return false;
  const length = begun.readUInt32BE(1);
  return begun[0] === 0 && length <= maxBytes && begun.length <= prefixBytes + length;
}

/** The message of a whole body that may be one; undefined if it is none. */
export function messageOf({ protocol }: Format, body: Buffer): Buffer | undefined {
  if (protocol === "connect") return body;
  const whole = body.length >= prefixBytes && body.readUInt32BE(1) === body.length - prefixBytes;
  return whole ? body.subarray(prefixBytes) : undefined;
}

/** An answer that succeeds, as it goes onto the stream. */
export interface Answer {
  readonly message: Uint8Array;
  readonly compressed: boolean;
  /** Names and values in turn, which Node takes as they are, where it would copy an object. */
  readonly headers: string[];
}

/** Makes a message the answer to a request, as the library would: compressed if it is large. */
export function answerTo(
  request: IncomingHttpHeaders,
  format: Format,
  requestId: string,
  message: Uint8Array,
): Answer | Promise<Answer> {
  const { contentType } = format;
  const headers = [":status", "200", "content-type", contentType, requestIdHeader, requestId];
  const { acceptEncoding, encoding } = format;
  const accepted = headerText(request, acceptEncoding);
  if (accepted === null) return { message, compressed: false, headers };
  const compression = compressionNegotiate(
    acceptCompression,
    null,
    accepted,
    acceptEncoding,
  ).response;
  const compresses = compression !== null && message.length >= compressMinBytes;
  // gRPC says what it would compress with, also if it does not.
  if (compression !== null && (compresses || format.protocol === "grpc")) {
    headers.push(encoding, compression.name);
  }
  if (!compresses) return { message, compressed: false, headers };
  return compression
    .compress(message)
    .then((smaller) => ({ message: smaller, compressed: true, headers }));
}

/** Writes an answer to its stream and ends it. */
export function send(stream: ServerHttp2Stream, { protocol }: Format, answer: Answer): void {
  const { message, compressed, headers } = answer;
  if (protocol === "connect") {
    headers.push("content-length", String(message.length));
    stream.respond(headers);
    stream.end(message);
    return;
  }
  stream.respond(headers, { waitForTrailers: true });
  stream.on("wantTrailers", sendStatus);
  const enveloped = Buffer.allocUnsafe(prefixBytes + message.length);
  enveloped[0] = compressed ? 1 : 0;
  enveloped.writeUInt32BE(message.length, 1);
  enveloped.set(message, prefixBytes);
  stream.end(enveloped);
}

function sendStatus(this: ServerHttp2Stream): void {
  this.sendTrailers({ "grpc-status": grpc.grpcStatusOk });
}
