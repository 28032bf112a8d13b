/** The client of a program that runs on Node: one HTTP/2 connection for all calls. */
import { Code, ConnectError, type Interceptor, type Transport } from "@connectrpc/connect";
import { createConnectTransport, Http2SessionManager } from "@connectrpc/connect-node";
import { type AuditCalls, auditCalls } from "./audit-calls.ts";
import { type AuditClientOptions, checkedBaseUrl, checkOptions } from "./client-options.ts";
import { surroundings } from "./context/surroundings.ts";

export type { AuditClientOptions } from "./client-options.ts";

/** A client. */
export interface AuditClient extends AuditCalls, Disposable {
  /**
   * Closes the connection. Calls still open fail with CANCELED; later ones, and a tail that would connect
   * again, with FAILED_PRECONDITION. Leaves a transport that was given alone.
   */
  close(): void;
}

/** The largest answer accepted, in bytes: above any page or Stream message the server sends. */
const readMaxBytes = 8 * 1024 * 1024;

/**
 * Creates a client; connects with the first call.
 *
 * @throws TypeError naming the option that is wrong.
 */
export function createAuditClient(options: AuditClientOptions): AuditClient {
  checkOptions(options);
  const { transport, close } = options.transport
    ? { transport: options.transport, close: () => {} }
    : connection(options);
  return { ...auditCalls(transport, options, surroundings), close, [Symbol.dispose]: close };
}

/** `http` is spoken as h2c. */
function connection(options: AuditClientOptions): { transport: Transport; close: () => void } {
  const baseUrl = checkedBaseUrl(options.baseUrl);
  const sessionManager = new Http2SessionManager(baseUrl, {
    // A peer that vanished without a FIN is noticed in 15 s instead of when TCP gives up.
    pingIntervalMs: 10_000,
    pingTimeoutMs: 5_000,
  });
  let closed = false;
  // The session manager would connect again, and nobody would close that.
  const refuseIfClosed: Interceptor = (next) => async (request) => {
    if (closed) throw new ConnectError("the client is closed", Code.FailedPrecondition);
    return await next(request);
  };
  const transport = createConnectTransport({
    baseUrl,
    httpVersion: "2",
    sessionManager,
    readMaxBytes,
    interceptors: [...(options.interceptors ?? []), refuseIfClosed],
  });
  const close = () => {
    closed = true;
    sessionManager.abort();
  };
  return { transport, close };
}
