/** How the page speaks to the server that served it. */
import type { Interceptor, StreamResponse, Transport } from "@connectrpc/connect";
import { Code, ConnectError } from "@connectrpc/connect";
import { createConnectTransport } from "@connectrpc/connect-web";
import { type AuditCalls, auditCalls } from "../../client/audit-calls.ts";
import { authorizedTransport } from "../../client/authorized-transport.ts";
import { defaultTimeoutMs } from "../../client/client-options.ts";

/** A way to call, as whoever is signed in. */
export interface Connection {
  /** For connect-query: adds the credential and a deadline to every call. */
  readonly transport: Transport;
  /** The calls of the client library. */
  readonly client: AuditCalls;
}

/**
 * Connects to an origin. `token` is asked for each call, so that a person can sign in again without
 * losing the page. `onRefused` is told when a call, or a stream at any time, is refused for that
 * credential; not when it was called with another one, as somebody does who signs in.
 */
export function connect(
  origin: string,
  token: () => string,
  onRefused: (error: ConnectError) => void,
): Connection {
  const noteRefusals: Interceptor = (next) => async (request) => {
    const sent = request.header.get("Authorization");
    const note = (reason: unknown) => {
      const error = ConnectError.from(reason);
      if (error.code === Code.Unauthenticated && sent === `Bearer ${token()}`) onRefused(error);
    };
    try {
      const response = await next(request);
      return response.stream ? { ...response, message: noting(response.message, note) } : response;
    } catch (reason) {
      note(reason);
      throw reason;
    }
  };
  const base = createConnectTransport({
    baseUrl: origin,
    // JSON.parse misreads some keys of metadata.
    useBinaryFormat: true,
    interceptors: [noteRefusals],
  });
  const transport = authorizedTransport(base, { token, timeoutMs: defaultTimeoutMs });
  return { transport, client: auditCalls(base, { token, timeoutMs: defaultTimeoutMs }) };
}

/** A stream's messages; an interceptor does not see it fail after the first one otherwise. */
async function* noting(
  messages: StreamResponse["message"],
  note: (reason: unknown) => void,
): StreamResponse["message"] {
  try {
    yield* messages;
  } catch (reason) {
    note(reason);
    throw reason;
  }
}
