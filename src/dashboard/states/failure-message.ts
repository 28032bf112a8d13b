/** Failures in words for the person who meets them. */
import { Code, ConnectError } from "@connectrpc/connect";
import { reasonOf } from "../../client/error-reason.ts";
import { isMissingPart } from "./missing-part.ts";

/** What happened, and what can be done. */
export interface FailureMessage {
  readonly title: string;
  readonly advice: string;
  /** Whether the same may work in a while. */
  readonly mayPass: boolean;
}

const away: FailureMessage = {
  title: "The server cannot be reached",
  advice: "It may be restarting, or your connection may be down. Try again in a moment.",
  mayPass: true,
};
const busy: FailureMessage = {
  title: "The server cannot answer just now",
  advice: "It is starting, stopping or very busy. Try again in a moment.",
  mayPass: true,
};

const outdated: FailureMessage = {
  title: "This page has to be loaded again",
  advice:
    "It was updated on the server since you opened it, or the server was away just now. Reloading brings you back to what you were looking at.",
  mayPass: false,
};

const byReason: Readonly<Record<string, FailureMessage>> = {
  CREDENTIAL_EXPIRED: {
    title: "Your token has expired",
    advice: "Get a fresh one and sign in again.",
    mayPass: false,
  },
  CREDENTIAL_REVOKED: {
    title: "This API key was revoked",
    advice: "Sign in with another one, or ask an admin of your team for it.",
    mayPass: false,
  },
  CREDENTIAL_INVALID: {
    title: "This token or key does not work here",
    advice: "Check that you copied all of it, and that it is for this server.",
    mayPass: false,
  },
  CREDENTIAL_MISSING: {
    title: "You are not signed in",
    advice: "Sign in and try again.",
    mayPass: false,
  },
  CREDENTIAL_UNVERIFIABLE: {
    title: "Your token cannot be checked just now",
    advice:
      "The server could not fetch the keys that tokens are signed with. Yours may be fine: try again in a moment.",
    mayPass: true,
  },
  TEAM_NOT_ALLOWED: {
    title: "You have no access to this team",
    advice: "The link may be of another team than yours. Ask its sender, or open your own trail.",
    mayPass: false,
  },
  PERMISSION_MISSING: {
    title: "You may not do this",
    advice: "Ask an admin of your team if you need to.",
    mayPass: false,
  },
  ENTRY_NOT_FOUND: {
    title: "There is no such entry",
    advice: "It may be in another team, or only admins may read it.",
    mayPass: false,
  },
  API_KEY_NOT_FOUND: {
    title: "There is no such API key",
    advice: "It may be another team's.",
    mayPass: false,
  },
  CURSOR_EXPIRED: {
    title: "These entries are no longer kept",
    advice: "The log has let go of its oldest entries. Begin again with the newest.",
    mayPass: false,
  },
  LOG_CONTRADICTS_CURSOR: {
    title: "The log is not what it was",
    advice:
      "Entries that this page has seen are gone or changed: the log was restored from an older state, or replaced. Tell whoever runs this server.",
    mayPass: false,
  },
  LOG_CONTRADICTS_CHECKPOINT: {
    title: "The log is not what was signed",
    advice:
      "It was rolled back or rewritten, and the server refuses to go on with it. Tell whoever runs this server.",
    mayPass: false,
  },
  CHECKPOINTS_DISABLED: {
    title: "This server does not sign its logs",
    advice: "So nothing can be proved here. Whoever runs it can set a signing key.",
    mayPass: false,
  },
  TOO_MANY_STREAMS: {
    title: "Too many live views are open",
    advice: "Close another tab or program that follows the trail, then try again.",
    mayPass: true,
  },
  DEADLINE_EXCEEDED: {
    title: "That took too long",
    advice: "Try again, or ask for less: a shorter time, a narrower filter.",
    mayPass: true,
  },
  INTERNAL: {
    title: "Something went wrong in the server",
    advice: "It is not your doing. If it comes again, tell whoever runs it the request id below.",
    mayPass: true,
  },
  ...Object.fromEntries(
    ["DATABASE_UNAVAILABLE", "SHUTTING_DOWN", "STREAM_TOO_OLD", "QUEUE_FULL"].map((reason) => [
      reason,
      busy,
    ]),
  ),
  CHECKPOINT_UNAVAILABLE: busy,
};

const byCode: Partial<Record<Code, FailureMessage>> = {
  [Code.Unauthenticated]: {
    title: "You are not signed in any more",
    advice: "Sign in again.",
    mayPass: false,
  },
  [Code.PermissionDenied]: {
    title: "You may not do this",
    advice: "Ask an admin of your team if you need to.",
    mayPass: false,
  },
  [Code.NotFound]: {
    title: "There is nothing here",
    advice: "It may be in another team, or only admins may see it.",
    mayPass: false,
  },
  [Code.InvalidArgument]: {
    title: "The server did not understand this",
    advice: "The address or the filter may be cut short or mistyped.",
    mayPass: false,
  },
  [Code.Unimplemented]: {
    title: "This server cannot do that yet",
    advice: "It is older than this page. Reload the page; if it stays, tell whoever runs it.",
    mayPass: false,
  },
  [Code.ResourceExhausted]: busy,
};

/** What a person is told of a failure. */
export function failureMessage(reason: unknown): FailureMessage {
  if (isMissingPart(reason)) return outdated;
  const error = ConnectError.from(reason);
  const known = byReason[reasonOf(error) ?? ""];
  if (known) return known;
  const isPlain = !(reason instanceof ConnectError) && reason instanceof Error;
  if (isPlain && !(reason instanceof TypeError)) {
    return { title: "That did not work", advice: reason.message, mayPass: true };
  }
  // Whatever gives no reason of ours did not come from the server itself.
  return byCode[error.code] ?? away;
}

/** The request's id, under which the server's log has more; undefined if no server answered. */
export function requestIdOf(reason: unknown): string | undefined {
  return reason instanceof ConnectError
    ? (reason.metadata.get("X-Request-Id") ?? undefined)
    : undefined;
}
