import { AuditError } from "../errors.ts";
import type { Authenticated } from "./principal.ts";
import type { Services } from "./services.ts";

/**
 * A signal that aborts when a stream must end: its client left, its credential no longer holds,
 * it is too old, or the server shuts down. The reason is what the stream ends with.
 */
export function endOf(
  services: Services,
  { principal, recheck }: Authenticated,
  client: AbortSignal,
): Disposable & { readonly signal: AbortSignal } {
  const ending = new AbortController();
  const onClient = () => ending.abort(client.reason);
  const onShutdown = () =>
    ending.abort(new AuditError("SHUTTING_DOWN", "the server is shutting down"));
  client.addEventListener("abort", onClient, { once: true });
  services.shutdown.addEventListener("abort", onShutdown, { once: true });
  if (client.aborted) onClient();
  if (services.shutdown.aborted) onShutdown();
  const validMs = (principal.expiresAt ?? Number.POSITIVE_INFINITY) - Date.now();
  const tooOld = () => new AuditError("STREAM_TOO_OLD", "the stream has reached its maximum age");
  const expired = () => new AuditError("CREDENTIAL_EXPIRED", "the credential has expired");
  const [limitMs, reason] =
    validMs < services.streamMaxAgeMs ? [validMs, expired] : [services.streamMaxAgeMs, tooOld];
  const limit = setTimeout(() => ending.abort(reason()), limitMs);
  const credential = setInterval(() => {
    recheck().catch((error: unknown) => {
      // Only a credential that no longer holds ends the stream, not a database out of reach.
      if (error instanceof AuditError) ending.abort(error);
      else services.logger.warn({ err: error }, "a stream's credential could not be checked");
    });
  }, services.credentialCheckMs);
  return {
    signal: ending.signal,
    [Symbol.dispose]: () => {
      clearTimeout(limit);
      clearInterval(credential);
      client.removeEventListener("abort", onClient);
      services.shutdown.removeEventListener("abort", onShutdown);
    },
  };
}
