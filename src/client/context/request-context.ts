/** The context of a request, read from its headers and its socket. */
import { randomUUID } from "node:crypto";
import type { NewActor, NewRequestContext, TeamIdText } from "../new-entry.ts";
import { activeTraceId } from "./active-trace.ts";
import { clientAddress, compileTrust, type TrustedProxies } from "./client-address.ts";
import type { NewAuditContext } from "./context-state.ts";
import { fittingText } from "./context-text.ts";
import { warnOnce } from "./context-warning.ts";
import { traceIdOf } from "./traceparent.ts";

/** How to read the context of a request of some framework. */
export interface RequestContextOptions<Request> {
  /**
   * Who makes the request. It is asked whenever an entry is recorded, not when the request begins: it may
   * read what authentication leaves in the request. It must be quick, and not a promise. If it knows
   * nobody or throws, the entry has no actor, and the server fills in the recording service itself: for
   * a caller without credentials answer `{ type: "anonymous" }`.
   */
  readonly actor?: (request: Request) => NewActor | undefined;
  /** In which team's log. Asked in the same way. */
  readonly teamId?: (request: Request) => TeamIdText | undefined;
  /**
   * Whom to believe what is in `forwardedHeader`: addresses and networks, or the number of proxies in
   * front, if nobody can reach the server around them (also behind a proxy on a Unix socket). By default
   * nobody: the client is whoever is connected, or whom the context around this one has found.
   */
  readonly trustedProxies?: TrustedProxies;
  /**
   * Where proxies say by whom they were sent; `x-forwarded-for` unless given. `forwarded` is read as
   * RFC 7239, any other as a list of addresses. It must be the one that the proxies write: another one
   * they pass on as the client has written it.
   */
  readonly forwardedHeader?: string;
  /** Where the request's id is; `x-request-id` unless given. */
  readonly requestIdHeader?: string;
  /**
   * Whether to make an id (a UUID) for a request without one, so that its entries are found together. True
   * unless given.
   */
  readonly makeRequestId?: boolean;
}

/** A request as far as it matters here. */
export interface RequestFacts {
  /** The value of a header by its name in lower case; of several with one name, joined by commas. */
  header(name: string): string | undefined;
  /** The address of whoever is connected. */
  readonly socketAddress: string | undefined;
  /** The id that the framework has given it, used if it came without. */
  readonly requestId?: string | undefined;
  /** What a context of the same request, around this one, has read: its made id and its client stand. */
  readonly around: NewRequestContext | undefined;
}

/**
 * Makes the reader of requests. What a reader cannot read it leaves out; it never throws.
 *
 * @throws TypeError for bad `trustedProxies`.
 */
export function compileRequestContext<Request>(
  options: RequestContextOptions<Request>,
): (request: Request, facts: () => RequestFacts) => NewAuditContext {
  const { actor, teamId, makeRequestId = true } = options;
  const trust = compileTrust(options.trustedProxies);
  const forwardedHeader = (options.forwardedHeader ?? "x-forwarded-for").toLowerCase();
  const requestIdHeader = (options.requestIdHeader ?? "x-request-id").toLowerCase();
  const knowsProxies = options.trustedProxies !== undefined;
  const fromHeaders = ({
    header,
    socketAddress,
    requestId,
    around,
  }: RequestFacts): NewAuditContext => ({
    requestId:
      fittingText(header(requestIdHeader), 256) ??
      around?.requestId ??
      requestId ??
      (makeRequestId ? randomUUID() : undefined),
    // A server's span, if there is one, either goes on with the caller's trace or, on purpose, does not.
    traceId: activeTraceId() ?? traceIdOf(header("traceparent")),
    ipAddress:
      (knowsProxies ? undefined : around?.ipAddress) ??
      clientAddress(socketAddress, forwardedHeader, header(forwardedHeader), trust),
    userAgent: header("user-agent"),
  });
  return (request, facts) => {
    const callbacks = {
      actor: actor && (() => actor(request)),
      teamId: teamId && (() => teamId(request)),
    };
    try {
      return { ...fromHeaders(facts()), ...callbacks };
    } catch (error) {
      warnOnce(
        "ANNALS_CONTEXT_REQUEST",
        "a request could not be read for its audit context",
        error,
      );
      return callbacks;
    }
  };
}
