/** The client of a page in a browser, or of any program that has `fetch`. */
import { createConnectTransport } from "@connectrpc/connect-web";
import { type AuditCalls, auditCalls } from "./audit-calls.ts";
import { type AuditClientOptions, checkedBaseUrl, checkOptions } from "./client-options.ts";

/**
 * Creates a client that calls with `fetch`: in binary, since JSON.parse misreads some keys. There is
 * nothing to close; a `tail` ends with its loop or its signal. Over plain HTTP each tail takes one of
 * the six connections that a browser opens to a host.
 *
 * @throws TypeError naming the option that is wrong.
 */
export function createAuditClient(options: AuditClientOptions): AuditCalls {
  checkOptions(options);
  const transport =
    options.transport ??
    createConnectTransport({
      baseUrl: checkedBaseUrl(options.baseUrl),
      useBinaryFormat: true,
      interceptors: [...(options.interceptors ?? [])],
    });
  return auditCalls(transport, options);
}
