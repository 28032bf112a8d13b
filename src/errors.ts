import { create } from "@bufbuild/protobuf";
import { durationFromMs } from "@bufbuild/protobuf/wkt";
import { Code, ConnectError } from "@connectrpc/connect";
import type { ErrorReason } from "../gen/audit/v1/error_reason_pb.ts";
import {
  BadRequestSchema,
  ErrorInfoSchema,
  RetryInfoSchema,
} from "../gen/google/rpc/error_details_pb.ts";

/** The domain of every `google.rpc.ErrorInfo` that Annals sends. */
export const errorDomain = "audit.v1";

/** A field of a request at fault, by its path from the request's root. */
export interface FieldViolation {
  readonly field: string;
  readonly description: string;
}

/** The name of an ErrorReason, as it goes into `ErrorInfo.reason`. */
export type Reason = Exclude<keyof typeof ErrorReason, "UNSPECIFIED">;

const codes = {
  INVALID_FIELD: Code.InvalidArgument,
  ID_CONFLICT: Code.AlreadyExists,
  CREDENTIAL_MISSING: Code.Unauthenticated,
  CREDENTIAL_INVALID: Code.Unauthenticated,
  CREDENTIAL_EXPIRED: Code.Unauthenticated,
  CREDENTIAL_REVOKED: Code.Unauthenticated,
  TEAM_NOT_ALLOWED: Code.PermissionDenied,
  ACTOR_NOT_ALLOWED: Code.PermissionDenied,
  PERMISSION_MISSING: Code.PermissionDenied,
  ENTRY_NOT_FOUND: Code.NotFound,
  API_KEY_NOT_FOUND: Code.NotFound,
  PAGE_TOKEN_INVALID: Code.InvalidArgument,
  PAGE_TOKEN_MISMATCH: Code.InvalidArgument,
  CURSOR_INVALID: Code.InvalidArgument,
  CURSOR_EXPIRED: Code.OutOfRange,
  LOG_CONTRADICTS_CURSOR: Code.DataLoss,
  QUEUE_FULL: Code.ResourceExhausted,
  TOO_MANY_STREAMS: Code.ResourceExhausted,
  DEADLINE_EXCEEDED: Code.DeadlineExceeded,
  STREAM_TOO_OLD: Code.Unavailable,
  SHUTTING_DOWN: Code.Unavailable,
  DATABASE_UNAVAILABLE: Code.Unavailable,
  INTERNAL: Code.Internal,
  CREDENTIAL_UNVERIFIABLE: Code.Unavailable,
  REQUEST_MALFORMED: Code.InvalidArgument,
  REQUEST_TOO_LARGE: Code.ResourceExhausted,
  CHECKPOINTS_DISABLED: Code.FailedPrecondition,
  CHECKPOINT_UNAVAILABLE: Code.Unavailable,
  LOG_CONTRADICTS_CHECKPOINT: Code.DataLoss,
  TREE_SIZE_OUT_OF_RANGE: Code.OutOfRange,
} as const satisfies Record<Reason, Code>;

/** What an {@link AuditError} can say besides its reason and message. */
export interface AuditErrorInit {
  readonly violations?: readonly FieldViolation[];
  readonly metadata?: Readonly<Record<string, string>>;
  readonly retryDelayMs?: number;
  readonly cause?: unknown;
}

/** A failure that a caller is told about. Its message and metadata are shown to the caller. */
export class AuditError extends Error {
  readonly reason: Reason;
  readonly violations: readonly FieldViolation[];
  readonly metadata: Readonly<Record<string, string>>;
  readonly retryDelayMs: number | undefined;

  constructor(reason: Reason, message: string, init: AuditErrorInit = {}) {
    super(message, init.cause === undefined ? undefined : { cause: init.cause });
    this.name = "AuditError";
    this.reason = reason;
    this.violations = init.violations ?? [];
    this.metadata = init.metadata ?? {};
    this.retryDelayMs = init.retryDelayMs;
  }

  /** The status code that goes with the reason. */
  get code(): Code {
    return codes[this.reason];
  }
}

/** INVALID_ARGUMENT naming each field at fault. At least one violation is due. */
export function invalidFields(violations: readonly FieldViolation[]): AuditError {
  const message = violations.map((v) => `${v.field}: ${v.description}`).join("; ");
  return new AuditError("INVALID_FIELD", message, { violations });
}

/** INVALID_ARGUMENT for one field. */
export function invalidField(field: string, description: string): AuditError {
  return invalidFields([{ field, description }]);
}

/**
 * Turns any failure into one that a caller is told about. What is unknown is given whole to
 * `report` and answered bare, so that no internals leak.
 */
export function toAuditError(error: unknown, report: (error: unknown) => void): AuditError {
  if (error instanceof AuditError) {
    // The caller is told no more than that; why, somebody here must know.
    if (error.reason === "CREDENTIAL_UNVERIFIABLE") report(error);
    return error;
  }
  report(error);
  if (isDatabaseUnavailable(error)) return databaseUnavailable();
  return new AuditError("INTERNAL", "internal error");
}

/** Turns any failure into what the caller is sent; see {@link toAuditError}. */
export function toConnectError(error: unknown, report: (error: unknown) => void): ConnectError {
  if (error instanceof ConnectError) {
    explainProtocolError(error);
    return error;
  }
  // What a call's signal aborts with when its client has left.
  if (error instanceof Error && error.name === "AbortError") return ConnectError.from(error);
  return fromAuditError(toAuditError(error, report));
}

/**
 * Gives a protocol library's own error the reason and code that go with it. The error itself is
 * changed: the library answers with the one it has thrown.
 */
export function explainProtocolError(error: ConnectError): void {
  if (error.details.length > 0) return;
  if (isReset(error)) {
    (error as { code: Code }).code = Code.Canceled;
    return;
  }
  const reason = protocolReason(error);
  if (reason === undefined) return;
  // A message that cannot be read is INTERNAL to the library, as if the fault were ours.
  (error as { code: Code }).code = codes[reason];
  error.details.push(errorInfo(reason, {}));
}

/**
 * Whether a client has reset its stream. Most of HTTP/2's codes for that are INTERNAL to the library, as
 * if the fault were ours; nobody is left who could be told of it.
 */
function isReset({ rawMessage }: ConnectError): boolean {
  return rawMessage.startsWith("http/2 stream closed with error code ");
}

function protocolReason({ code, rawMessage }: ConnectError): Reason | undefined {
  switch (code) {
    case Code.InvalidArgument:
      return "REQUEST_MALFORMED";
    case Code.ResourceExhausted:
      return "REQUEST_TOO_LARGE";
    case Code.DeadlineExceeded:
      return "DEADLINE_EXCEEDED";
    case Code.Internal:
      return /^parse binary: |^decompression failed$/.test(rawMessage)
        ? "REQUEST_MALFORMED"
        : undefined;
    default:
      return undefined;
  }
}

/** UNAVAILABLE: the database cannot be reached; worth a retry. */
export function databaseUnavailable(cause?: unknown): AuditError {
  return new AuditError("DATABASE_UNAVAILABLE", "the database cannot be reached", {
    retryDelayMs: 1_000,
    ...(cause === undefined ? {} : { cause }),
  });
}

/** DEADLINE_EXCEEDED, for a call that ran out of time before it was answered. */
export function deadlineExceeded(): AuditError {
  return new AuditError("DEADLINE_EXCEEDED", "the deadline passed before the answer was known");
}

/**
 * Whether a driver's error means that the database was out of reach or refused to work for now
 * (SQLSTATE classes 08, 53 and 57P, 3D000 while it is being restored, or a socket error), rather
 * than that a statement was wrong.
 */
export function isDatabaseUnavailable(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  if (/^(08|53|57P|3D000)/.test(sqlState(error))) return true;
  const code = "code" in error ? String(error.code) : "";
  if (/^E(CONN|PIPE|TIMEDOUT|HOSTUNREACH|NETUNREACH|AI_AGAIN|NOTFOUND)|^ENOENT$/.test(code))
    return true;
  return /^Connection terminated|^timeout exceeded when trying to connect|not queryable$|^Query read timeout/.test(
    error.message,
  );
}

/** The SQLSTATE of a driver's error, or "" if it has none. */
export function sqlState(error: unknown): string {
  if (!(error instanceof Error) || !("code" in error) || typeof error.code !== "string") return "";
  return /^[0-9A-Z]{5}$/.test(error.code) ? error.code : "";
}

function fromAuditError(error: AuditError): ConnectError {
  const connectError = new ConnectError(error.message, error.code);
  connectError.details.push(errorInfo(error.reason, error.metadata));
  if (error.violations.length > 0) {
    connectError.details.push({
      desc: BadRequestSchema,
      value: create(BadRequestSchema, { fieldViolations: error.violations.map((v) => ({ ...v })) }),
    });
  }
  if (error.retryDelayMs !== undefined) {
    connectError.details.push({
      desc: RetryInfoSchema,
      value: create(RetryInfoSchema, { retryDelay: durationFromMs(error.retryDelayMs) }),
    });
  }
  return connectError;
}

function errorInfo(reason: Reason, metadata: AuditError["metadata"]) {
  const value = create(ErrorInfoSchema, { reason, domain: errorDomain, metadata: { ...metadata } });
  return { desc: ErrorInfoSchema, value };
}
