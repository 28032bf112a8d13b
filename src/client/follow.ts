/** A stream's messages for as long as one likes, through restarts of the server. */
import type { MessageInitShape } from "@bufbuild/protobuf";
import { type Client, Code, ConnectError } from "@connectrpc/connect";
import type {
  AuditService,
  StreamRequestSchema,
  StreamResponse,
} from "../../gen/audit/v1/audit_service_pb.ts";
import { reasonOf } from "./error-reason.ts";
import { pauseAfter, type RetryOptions } from "./retry.ts";

/** The fields of StreamRequest. Without `start`: what comes after the newest entry now. */
export interface StreamFields
  extends Omit<MessageInitShape<typeof StreamRequestSchema>, "$typeName" | "$unknown"> {}

/** How to follow. An aborted signal ends it without an error, after the message in hand. */
export interface FollowOptions extends RetryOptions {
  /** After so many milliseconds without a message the stream is taken for dead; 30,000. */
  silenceMs?: number;
  /**
   * Whether the next connection has a fresh credential. Then CREDENTIAL_EXPIRED is tried again, once
   * before the next message.
   */
  renewsCredential?: boolean;
}

/**
 * The messages of a stream, which is opened again when it is lost and goes on after the cursor of
 * the last message taken. Until the first message has come, every try begins at `start` again.
 *
 * Ends when the signal is aborted, or with `stopAtHead` at the head. Throws ConnectError for what
 * trying again cannot mend: UNAUTHENTICATED, PERMISSION_DENIED, INVALID_ARGUMENT, OUT_OF_RANGE,
 * DATA_LOSS, NOT_FOUND, UNIMPLEMENTED and the like.
 */
export async function* follow(
  audit: Pick<Client<typeof AuditService>, "stream">,
  request: StreamFields,
  options: FollowOptions,
): AsyncGenerator<StreamResponse, void, undefined> {
  const { signal, onState, silenceMs = 30_000 } = options;
  let position = request;
  let failures = 0;
  let renewed = false;

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
        renewed = false;
        if (!connected) onState?.({ connected: true });
        connected = true;
        yield received;
        position = { ...request, start: { case: "afterCursor", value: received.cursor } };
      }
    } finally {
      stream.close();
    }

    if (signal.aborted || (!error && request.stopAtHead)) return;
    error ??= new ConnectError("the server ended the stream", Code.Unavailable);
    failures += 1;
    if (options.renewsCredential && !renewed && reasonOf(error) === "CREDENTIAL_EXPIRED") {
      renewed = true;
      error = new ConnectError("the credential has expired", Code.Unavailable, {}, [], error);
    }
    await pauseAfter(error, failures, options);
  }
}

/** One stream. `next` answers with a message, the stream's end or its failure, and never rejects. */
function openStream(
  audit: Pick<Client<typeof AuditService>, "stream">,
  request: StreamFields,
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
