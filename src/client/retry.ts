/** Trying again what a new connection can mend. */
import { type Duration, durationMs } from "@bufbuild/protobuf/wkt";
import { Code, ConnectError } from "@connectrpc/connect";
import { RetryInfoSchema } from "../../gen/google/rpc/error_details_pb.ts";
import { type BackoffOptions, backoffMs, pause } from "./backoff.ts";

/** Whether a connection stands, as somebody who waits for it is told. */
export type ConnectionState =
  | { connected: true }
  | {
      connected: false;
      /** Why it was lost. */
      error: ConnectError;
      /** Failures since the last answer, this one included. */
      failures: number;
      /** When it is tried again, in milliseconds from now. */
      retryInMs: number;
    };

/** How to try again. */
export interface RetryOptions {
  /** Ends the tries when aborted. */
  signal: AbortSignal;
  /** Told of every failure that is tried again, and of the answer after it; must not throw. */
  onState?: (state: ConnectionState) => void;
  /** Waits between tries: up to 250 ms at first, up to 5 s at last. */
  backoff?: BackoffOptions;
  /** Fails with the error after so many failures in a row; without it, never. */
  maxFailures?: number;
}

/** What a new connection can mend. */
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

const defaultBackoff: BackoffOptions = { baseMs: 250, maxMs: 5_000 };
/** A server's wish for a longer wait than our own is granted up to here. */
const maxRetryDelayMs = 60_000;

/**
 * Waits for the next try after so many failures in a row.
 *
 * @throws ConnectError, the given one, if trying again cannot mend it or was tried often enough.
 */
export async function pauseAfter(
  error: ConnectError,
  failures: number,
  { signal, onState, backoff = defaultBackoff, maxFailures }: RetryOptions,
): Promise<void> {
  if (!retryableCodes.has(error.code)) throw error;
  if (maxFailures !== undefined && failures >= maxFailures) throw error;
  const retryInMs = Math.max(backoffMs(failures, backoff), requestedDelayMs(error));
  onState?.({ connected: false, error, failures, retryInMs });
  await pause(retryInMs, signal);
}

/**
 * The answer of a call that can be made again without harm.
 *
 * @throws ConnectError when trying again cannot mend it, or the signal is aborted.
 */
export async function retrying<T>(call: () => Promise<T>, options: RetryOptions): Promise<T> {
  for (let failures = 0; ; ) {
    try {
      const answer = await call();
      if (failures > 0) options.onState?.({ connected: true });
      return answer;
    } catch (reason) {
      const error = ConnectError.from(reason);
      if (options.signal.aborted) throw error;
      failures += 1;
      await pauseAfter(error, failures, options);
    }
  }
}

/** The delay that the server asks for, as {@link grantedDelayMs}. */
export function requestedDelayMs(error: ConnectError): number {
  return grantedDelayMs(error.findDetails(RetryInfoSchema)[0]?.retryDelay);
}

/** A delay that a server asks for, in milliseconds, at most 60 s; 0 if it asks for none. */
export function grantedDelayMs(delay: Duration | undefined): number {
  return delay ? Math.min(durationMs(delay), maxRetryDelayMs) : 0;
}
