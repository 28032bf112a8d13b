import { once } from "node:events";
import http2 from "node:http2";
import { setTimeout as delay } from "node:timers/promises";
import { gunzipSync } from "node:zlib";
import { type DescMessage, fromBinary, toJson } from "@bufbuild/protobuf";
import { AuditService } from "../../gen/audit/v1/audit_service_pb.ts";

/** A call as it goes over an HTTP/2 connection. */
export interface RawCall {
  readonly method?: "Record" | "RecordBatch";
  /** Beside `:path`, a POST's. */
  readonly headers: http2.OutgoingHttpHeaders;
  /** Written one after another; a number is a pause in milliseconds, `reset` the end at once. */
  readonly body?: readonly (Uint8Array | number | "reset")[];
  /** Sent after the body. */
  readonly trailers?: Record<string, string>;
  /** Leaves the body open. */
  readonly open?: boolean;
}

/** What came back, without what differs from call to call (ids, times, hashes). */
export interface RawAnswer {
  readonly headers?: Record<string, unknown>;
  readonly trailers?: Record<string, unknown>;
  readonly body?: unknown;
  /** The code with which the stream ended. */
  readonly end: number;
}

/** Makes a call and waits until its stream has closed. */
export async function callRaw(
  session: http2.ClientHttp2Session,
  { method = "Record", headers, body = [], trailers, open = false }: RawCall,
): Promise<RawAnswer> {
  const stream = session.request(
    { ":method": "POST", ":path": `/audit.v1.AuditService/${method}`, ...headers },
    { endStream: false, waitForTrailers: trailers !== undefined },
  );
  if (trailers) stream.once("wantTrailers", () => stream.sendTrailers(trailers));
  // The answer may come and the stream end before all is written.
  stream.on("error", () => {});
  const closed = once(stream, "close");
  let responseHeaders: http2.IncomingHttpHeaders | undefined;
  let responseTrailers: http2.IncomingHttpHeaders | undefined;
  const chunks: Buffer[] = [];
  stream.on("response", (received) => {
    responseHeaders = received;
  });
  stream.on("trailers", (received: http2.IncomingHttpHeaders) => {
    responseTrailers = received;
  });
  stream.on("data", (chunk: Buffer) => chunks.push(chunk));
  for (const part of body) {
    if (typeof part === "number") await delay(part);
    else if (part === "reset") stream.close(http2.constants.NGHTTP2_CANCEL);
    else if (stream.writable) stream.write(part);
  }
  if (!open && stream.writable) stream.end();
  await closed;
  const bytes = Buffer.concat(chunks);
  const output = AuditService.method[method === "Record" ? "record" : "recordBatch"].output;
  return {
    ...(responseHeaders && { headers: plain(responseHeaders) }),
    ...(responseTrailers && { trailers: plain(responseTrailers) }),
    ...(bytes.length > 0 && { body: decode(responseHeaders ?? {}, bytes, output) }),
    end: stream.rstCode ?? 0,
  };
}

/** What is sent anew with each answer. */
const changing = new Set(["date", "x-request-id", "content-length"]);

function plain(headers: http2.IncomingHttpHeaders): Record<string, unknown> {
  return Object.fromEntries(
    // Their order means nothing.
    Object.entries(headers)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([name, value]) => [
        name,
        name === "x-request-id" && value === "req-1" ? value : changing.has(name) ? "…" : value,
      ]),
  );
}

function decode(headers: http2.IncomingHttpHeaders, bytes: Buffer, output: DescMessage): unknown {
  const type = headers["content-type"];
  if (type?.startsWith("application/grpc")) {
    const message = bytes.subarray(5, 5 + bytes.readUInt32BE(1));
    const flags = bytes[0];
    const rest = bytes.length - 5 - message.length;
    const inflated = flags === 1 ? gunzipSync(message) : message;
    const read = type.endsWith("+json")
      ? JSON.parse(inflated.toString())
      : toJson(output, fromBinary(output, inflated));
    return { flags, rest, message: steady(read) };
  }
  const inflated = headers["content-encoding"] === "gzip" ? gunzipSync(bytes) : bytes;
  // A client that knows the length must find that it is the body's.
  const length = Number(headers["content-length"] ?? bytes.length) === bytes.length;
  if (type === "application/proto") {
    return { length, message: steady(toJson(output, fromBinary(output, inflated))) };
  }
  return { length, message: steady(JSON.parse(inflated.toString())) };
}

const generated = new Set([
  ...["recordTime", "detailsSalt", "detailsDigest", "leafHash", "cursor", "checkpoint", "hashes"],
]);

/** A message with what differs from call to call reduced to that it is there. */
function steady(value: unknown, key = ""): unknown {
  if (generated.has(key)) return "…";
  if (typeof value === "string") return value.replace(/^(log|key)-[0-9a-f-]{36}$/, "$1-…");
  if (Array.isArray(value)) return value.map((item) => steady(item));
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, member]) => [name, steady(member, name)]),
  );
}
