import { AuditError } from "../errors.ts";
import { Alarm } from "../feed/alarms.ts";
import type { Authenticated } from "./principal.ts";
import type { Services } from "./services.ts";

/**
 * A signal that aborts when a stream must end: its client left, its credential no longer holds,
 * it is too old, or the server shuts down. The reason is what the stream ends with.
 */
export function endOf(
  services: Services,
  authenticated: Authenticated,
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
  const validMs = (authenticated.principal.expiresAt ?? Number.POSITIVE_INFINITY) - Date.now();
  const tooOld = () => new AuditError("STREAM_TOO_OLD", "the stream has reached its maximum age");
  const expired = () => new AuditError("CREDENTIAL_EXPIRED", "the credential has expired");
  const [limitMs, reason] =
    validMs < services.streamMaxAgeMs ? [validMs, expired] : [services.streamMaxAgeMs, tooOld];
  const limit = setTimeout(() => ending.abort(reason()), limitMs);
  const credential = new Alarm(() => {
    credential.set(services.credentialCheckMs);
    recheckOnce(authenticated).catch((error: unknown) => {
      // Only a credential that no longer holds ends the stream, not a database out of reach.
      if (error instanceof AuditError) ending.abort(error);
      else services.logger.warn({ err: error }, "a stream's credential could not be checked");
    });
  });
  credential.set(services.credentialCheckMs);
  return {
    signal: ending.signal,
    [Symbol.dispose]: () => {
      clearTimeout(limit);
      credential.clear();
      client.removeEventListener("abort", onClient);
      services.shutdown.removeEventListener("abort", onShutdown);
    },
  };
}

/** Checks that are under way: all streams of a credential whose time has come share one. */
const rechecks = new WeakMap<Authenticated, Promise<void>>();

function recheckOnce(authenticated: Authenticated): Promise<void> {
  let recheck = rechecks.get(authenticated);
  if (recheck === undefined) {
    recheck = authenticated.recheck().finally(() => rechecks.delete(authenticated));
    rechecks.set(authenticated, recheck);
  }
  return recheck;
}
