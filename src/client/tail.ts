/** Following a log for as long as one likes, through restarts of the server. */
import type { MessageInitShape } from "@bufbuild/protobuf";
import { durationMs } from "@bufbuild/protobuf/wkt";
import { type Client, Code, ConnectError } from "@connectrpc/connect";
import type {
  AuditService,
  StreamRequestSchema,
  StreamResponse,
} from "../../gen/audit/v1/audit_service_pb.ts";
import type { AuditEntry } from "../../gen/audit/v1/entry_pb.ts";
import { RetryInfoSchema } from "../../gen/google/rpc/error_details_pb.ts";
import { type BackoffOptions, backoffMs, pause } from "./backoff.ts";
import { SeenEntries } from "./seen-entries.ts";

/** The fields of StreamRequest. Without `start`: what comes after the newest entry now. */
export interface TailRequest
  extends Omit<MessageInitShape<typeof StreamRequestSchema>, "$typeName" | "$unknown"> {}

/** How to follow. */
export interface TailOptions {
  /** Ends the tail without an error when aborted, after the message in hand. */
  signal: AbortSignal;
  /** Told of every stream that has begun to deliver, and of every one lost; must not throw. */
  onState?: (state: TailState) => void;
  /**
   * Given a position once every entry up to it has been taken out of the iterable: safe to keep
   * and to resume from. The positions of heartbeats come too.
   */
  onCursor?: (cursor: string) => void | Promise<void>;
  /** The entries not to deliver again; those delivered are added to it. */
  seen?: SeenEntries;
  /** After so many milliseconds without a message the stream is taken for dead; 30,000. */
  silenceMs?: number;
  /** Waits between tries: up to 250 ms at first, up to 5 s at last. */
  backoff?: BackoffOptions;
}

/** Whether the tail is connected. */
export type TailState =
  | { connected: true }
  | {
      connected: false;
      /** Why the stream was lost. */
      error: ConnectError;
      /** Failures since the last message, this one included. */
      failures: number;
      /** When it tries again, in milliseconds from now. */
      retryInMs: number;
    };

/** What a new connection can mend; everything else ends the tail with the error. */
const retryableCodes: ReadonlySet<Code> = new Set([
  Code.Unavailable,
  Code.Internal,
  Code.ResourceExhausted,
  Code.DeadlineExceeded,
  Code.Aborted,
  Code.Unknown,
  // The transport's word for a connection that was reset, and for our own end of a silent stream.
  Code.Canceled,
]);

/** A server's wish for a longer wait than our own is granted up to here. */
const maxRetryDelayMs = 60_000;

/**
 * The entries from the start on, then new ones as they are committed. Reconnects by itself, goes
 * on from the last cursor and drops entries that come again; within a team entries come in order,
 * each once. Until the first message has come, every try begins at `start` again.
 *
 * Ends when the signal is aborted, or with `stopAtHead` at the head. Throws ConnectError for what
 * trying again cannot mend: UNAUTHENTICATED, PERMISSION_DENIED, INVALID_ARGUMENT, OUT_OF_RANGE,
 * DATA_LOSS, NOT_FOUND, UNIMPLEMENTED and the like.
 */
export async function* tail(
  audit: Pick<Client<typeof AuditService>, "stream">,
  request: TailRequest,
  options: TailOptions,
): AsyncGenerator<AuditEntry, void, undefined> {
  const { signal, onState, onCursor, silenceMs = 30_000 } = options;
  const { seen = new SeenEntries(), backoff = { baseMs: 250, maxMs: 5_000 } } = options;
  let position = request;
  let failures = 0;

  while (!signal.aborted) {
    const stream = openStream(audit, position, signal, silenceMs);
    let connected = false;
    let error: ConnectError | undefined;
    try {
      for (;;) {
        const received = await stream.next();
        if (received === "end") break;
        if (received instanceof ConnectError) {
          error = received;
          break;
        }
        failures = 0;
        if (!connected) onState?.({ connected: true });
        connected = true;
        for (const entry of received.entries) {
          if (seen.add(entry.teamId, entry.sequence)) yield entry;
        }
        position = { ...request, start: { case: "afterCursor", value: received.cursor } };
        await onCursor?.(received.cursor);
      }
    } finally {
      stream.close();
    }

    if (signal.aborted || (!error && request.stopAtHead)) return;
    error ??= new ConnectError("the server ended the stream", Code.Unavailable);
    if (!retryableCodes.has(error.code)) throw error;
    failures += 1;
    const retryInMs = Math.max(backoffMs(failures, backoff), requestedDelayMs(error));
    onState?.({ connected: false, error, failures, retryInMs });
    await pause(retryInMs, signal);
  }
}

/** One stream. `next` answers with a message, the stream's end or its failure, and never rejects. */
function openStream(
  audit: Pick<Client<typeof AuditService>, "stream">,
  request: TailRequest,
  signal: AbortSignal,
  silenceMs: number,
) {
  const controller = new AbortController();
  const abort = () => controller.abort();
  signal.addEventListener("abort", abort, { once: true });
  const messages = audit.stream(request, { signal: controller.signal })[Symbol.asyncIterator]();
  let silent = false;
  return {
    async next(): Promise<StreamResponse | ConnectError | "end"> {
      if (signal.aborted) return "end";
      const timer = setTimeout(() => {
        silent = true;
        abort();
      }, silenceMs);
      try {
        const result = await messages.next();
        return result.done ? "end" : result.value;
      } catch (reason) {
        return silent
          ? new ConnectError(`no message for ${silenceMs / 1000} s`, Code.Unavailable)
          : ConnectError.from(reason);
      } finally {
        clearTimeout(timer);
      }
    },
    close() {
      signal.removeEventListener("abort", abort);
      abort();
    },
  };
}

function requestedDelayMs(error: ConnectError): number {
  const delay = error.findDetails(RetryInfoSchema)[0]?.retryDelay;
  return delay ? Math.min(durationMs(delay), maxRetryDelayMs) : 0;
}
