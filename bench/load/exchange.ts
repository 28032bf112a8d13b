import type { Procedure } from "./procedure.ts";

/** How much of a failed answer is kept, to tell why. */
const complaintBytes = 300;

/**
 * Hears how a call went. `problem` is undefined for a success: status 200, a message, the stream's end,
 * and with gRPC the trailers with status 0. `body` is the message's bytes (gRPC: with its prefix), to be
 * read before this returns; undefined unless the connection was opened with `keepBodies`.
 */
export type Done = (problem: string | undefined, body: Buffer | undefined) => void;

/** Hears what a server stream brings. */
export interface StreamListener {
  /** The bytes of one DATA frame, to be read before this returns; messages may be cut anywhere. */
  onData(chunk: Buffer): void;
  /** The end: a problem unless it was the server's, with status 200. */
  onEnd(problem: string | undefined): void;
}

/** A call on a connection. */
export interface Exchange {
  id: number;
  readonly procedure: Procedure;
  readonly done: Done | undefined;
  readonly listener: StreamListener | undefined;
  status: number | undefined;
  grpcStatus: number | undefined;
  received: number;
  /** What was read and not yet granted again. */
  unacknowledged: number;
  stalled: boolean;
  kept: Buffer[] | undefined;
  /** The first message's length, when the prefix has come; gRPC only. */
  prefix: number;
  sendWindow: number;
  /** What waits for the server's window. */
  unsent: Uint8Array | undefined;
  sent: number;
}

/** Tells whoever waits for the call that it is over. */
export function finish(exchange: Exchange, problem: string | undefined): void {
  exchange.listener?.onEnd(problem);
  exchange.done?.(problem, exchange.kept && Buffer.concat(exchange.kept));
}

/** Why an answer that has come to its end is no success; undefined if it is one. */
export function problemOf(exchange: Exchange): string | undefined {
  const { status, grpcStatus, received, procedure: called } = exchange;
  if (status !== 200) {
    const text = Buffer.concat(exchange.kept ?? []).toString("utf8", 0, complaintBytes);
    return `status ${status} ${text}`.trimEnd();
  }
  const grpc = called.protocol === "grpc";
  if (grpc && grpcStatus !== 0) return `grpc-status ${grpcStatus}`;
  if (called.streams) return undefined;
  if (received === 0) return "an answer without a message";
  if (grpc && exchange.prefix !== received - 5) return "an answer that is not one message";
  return undefined;
}

/** A message with the prefix of gRPC and of Connect's streams. */
export function enveloped(message: Uint8Array): Uint8Array {
  const bytes = Buffer.allocUnsafe(5 + message.length);
  bytes[0] = 0;
  bytes.writeUInt32BE(message.length, 1);
  bytes.set(message, 5);
  return bytes;
}
