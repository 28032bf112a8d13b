/** What a server's answer to a batch means for each of its entries. */
import { Code, ConnectError } from "@connectrpc/connect";
import type { RecordResult } from "../../../gen/audit/v1/audit_service_pb.ts";
import type { AuditEntry } from "../../../gen/audit/v1/entry_pb.ts";
import { ErrorReasonSchema } from "../../../gen/audit/v1/error_reason_pb.ts";
import { ErrorInfoSchema } from "../../../gen/google/rpc/error_details_pb.ts";
import { grantedDelayMs, requestedDelayMs } from "../retry.ts";

/** What became of one entry. */
export type Outcome =
  | { readonly kind: "recorded"; readonly entry: AuditEntry }
  /** It will never be recorded. */
  | { readonly kind: "refused"; readonly reason: string; readonly message: string }
  /** It can be sent again after the delay that the server states; 0: none. */
  | { readonly kind: "later"; readonly delayMs: number }
  /** The server did not expect what happened: sent again, but not for ever. */
  | { readonly kind: "failed"; readonly reason: string; readonly message: string };

/** Codes of an entry's error that say no more than "not now". */
const passing: ReadonlySet<number> = new Set([
  Code.Unavailable,
  Code.ResourceExhausted,
  Code.DeadlineExceeded,
  Code.Aborted,
  Code.Canceled,
  // A log that contradicts its checkpoint takes nothing until its operator has decided: that can be
  // waited for, and nothing else is lost by it.
  Code.DataLoss,
]);

/** An empty result: from a later version of the server, or from something else. */
export const noOutcome: Outcome = {
  kind: "failed",
  reason: "NO_RESULT",
  message: "the server gave no result",
};

/** What one result says. */
export function outcomeOf({ outcome }: RecordResult): Outcome {
  if (outcome.case === "entry") return { kind: "recorded", entry: outcome.value };
  if (outcome.case === undefined) return noOutcome;
  const { code, reason, message, fieldViolations, retryDelay } = outcome.value;
  if (retryDelay !== undefined || passing.has(code)) {
    return { kind: "later", delayMs: grantedDelayMs(retryDelay) };
  }
  const told = {
    reason: ErrorReasonSchema.value[reason]?.localName ?? String(reason),
    message: fieldViolations.length
      ? fieldViolations.map(({ field, description }) => `${field}: ${description}`).join("; ")
      : message,
  };
  return code === Code.Internal || code === Code.Unknown
    ? { kind: "failed", ...told }
    : { kind: "refused", ...told };
}

/** What the failure of a whole call means. */
export type CallFailure =
  /** Something is wrong with what was sent: its halves may fare better, and a single entry is refused. */
  | { readonly kind: "bad_request"; readonly reason: string; readonly message: string }
  /** Anything else, credentials included: the entries wait until it is mended. */
  | { readonly kind: "unavailable"; readonly error: ConnectError; readonly delayMs: number };

/** What the failure says. */
export function callFailureOf(thrown: unknown): CallFailure {
  const error = ConnectError.from(thrown);
  const reason = error.findDetails(ErrorInfoSchema)[0]?.reason;
  // Without a reason it is not from Annals: a proxy's 400, say.
  if (reason !== undefined && badRequests.has(reason)) {
    return { kind: "bad_request", reason, message: error.rawMessage };
  }
  return { kind: "unavailable", error, delayMs: requestedDelayMs(error) };
}

const badRequests: ReadonlySet<string> = new Set([
  "INVALID_FIELD",
  "REQUEST_MALFORMED",
  "REQUEST_TOO_LARGE",
]);
