/** What the CLI says and answers to the shell when something fails. */
import { Code, ConnectError } from "@connectrpc/connect";
import { BadRequestSchema } from "../../gen/google/rpc/error_details_pb.ts";
import { UnknownWordError } from "../client/words.ts";
import { plainText } from "./plain-text.ts";

/** The command was called wrongly. */
export class UsageError extends Error {
  override readonly name = "UsageError";
}

/** There is no credential to call with. */
export class NoCredentialError extends Error {
  override readonly name = "NoCredentialError";
}

/** Some of the work failed, and was reported where it did. */
export class ReportedFailure extends Error {
  override readonly name = "ReportedFailure";
}

/** What was to be verified is not what it claims to be. */
export class VerificationFailure extends Error {
  override readonly name = "VerificationFailure";
}

/** The exit codes, for `--help`. */
export const exitCodeHelp = `
Exit codes:
  0  done (also: a tail or demo ended by Ctrl-C, a closed pipe)
  1  the call failed
  2  wrong usage or configuration
  3  not authorised: no credential, a bad one, or one that may not do this
  4  not found
  5  unavailable: the server cannot be reached or is overloaded; try again
  6  verification failed: a log, an export or a proof is not what it claims to be`;

/** The exit code that goes with an error. */
export function exitCodeOf(error: unknown): number {
  if (error instanceof UsageError || error instanceof UnknownWordError) return 2;
  if (error instanceof NoCredentialError) return 3;
  if (error instanceof VerificationFailure) return 6;
  if (error instanceof Error && error.name === "ConfigError") return 2;
  if (!(error instanceof ConnectError)) return 1;
  switch (error.code) {
    case Code.Unauthenticated:
    case Code.PermissionDenied:
      return 3;
    case Code.NotFound:
      return 4;
    case Code.Unavailable:
    case Code.DeadlineExceeded:
    case Code.ResourceExhausted:
    case Code.Aborted:
    case Code.Canceled:
      return 5;
    default:
      return 1;
  }
}

/**
 * The error in lines for people: the message, then each field at fault, then the request's id.
 * Never a stack; what a terminal would obey is neutralised.
 */
export function describeError(error: unknown): string[] {
  if (error instanceof ReportedFailure) return [];
  if (!(error instanceof ConnectError)) {
    const message = error instanceof Error ? error.message : String(error);
    return message.split("\n").map(plainText);
  }
  const lines = [headline(error)];
  for (const { fieldViolations } of error.findDetails(BadRequestSchema)) {
    for (const { field, description } of fieldViolations) lines.push(`  ${field}: ${description}`);
  }
  const requestId = error.metadata.get("x-request-id");
  if (requestId) lines.push(`  request id: ${requestId}`);
  return lines.map(plainText);
}

/** The code in words and the message. */
export function headline({ code, rawMessage }: ConnectError): string {
  // Nothing here cancels a call and reports it: it is the transport's word for a lost connection.
  if (code === Code.Canceled) return "unavailable: the connection was lost";
  return `${codeName(code)}: ${rawMessage}`;
}

/** A status code in words. Example: `not found` */
export function codeName(code: Code): string {
  const name = Code[code] ?? `code ${code}`;
  return name.replace(/(?<=[a-z])(?=[A-Z])/g, " ").toLowerCase();
}
