/** A transport with a credential and a deadline on every call. */
import { Code, ConnectError, type Transport } from "@connectrpc/connect";
import {
  type AuditClientOptions,
  checkedCredential,
  defaultTimeoutMs,
  type Token,
} from "./client-options.ts";

type Options = Pick<AuditClientOptions, "token" | "apiKey" | "timeoutMs">;

/**
 * The transport, with the credential in the headers of each call unless the call has its own. Unary
 * calls end after `timeoutMs` unless they bring a deadline; streams have none.
 */
export function authorizedTransport(transport: Transport, options: Options): Transport {
  const { timeoutMs = defaultTimeoutMs } = options;
  return {
    async unary(method, signal, ownTimeoutMs, header, ...rest) {
      const limitMs = ownTimeoutMs ?? timeoutMs;
      const headers = await authorized(header, options, signal, limitMs);
      return transport.unary(method, signal, limitMs, headers, ...rest);
    },
    async stream(method, signal, ownTimeoutMs, header, ...rest) {
      const headers = await authorized(header, options, signal, timeoutMs);
      // The transport's default deadline would end streams too; 0 means none.
      return transport.stream(method, signal, ownTimeoutMs ?? 0, headers, ...rest);
    },
  };
}

async function authorized(
  header: ConstructorParameters<typeof Headers>[0],
  { token, apiKey }: Options,
  signal: AbortSignal | undefined,
  limitMs: number,
): Promise<Headers> {
  const headers = new Headers(header);
  if (apiKey !== undefined && !headers.has("X-API-Key")) {
    headers.set("X-API-Key", checkedCredential("apiKey", apiKey));
  }
  if (token !== undefined && !headers.has("Authorization")) {
    headers.set("Authorization", `Bearer ${await fetched(token, signal, limitMs)}`);
  }
  return headers;
}

async function fetched(
  token: Token,
  signal: AbortSignal | undefined,
  limitMs: number,
): Promise<string> {
  if (typeof token === "string") return checkedCredential("token", token);
  const value = await within(async () => token(), signal, limitMs).catch((cause: unknown) => {
    if (cause instanceof ConnectError) throw cause;
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new ConnectError(`no token could be fetched: ${why}`, Code.Unavailable, {}, [], cause);
  });
  try {
    return checkedCredential("token", value);
  } catch (cause) {
    const why = "the token function gave none";
    throw new ConnectError(why, Code.Unauthenticated, {}, [], cause);
  }
}

/** The answer, or an error once the call is aborted or its time is up: a function may never answer. */
function within<T>(
  ask: () => Promise<T>,
  signal: AbortSignal | undefined,
  limitMs: number,
): Promise<T> {
  return new Promise<T>((resolve, reject) => {
    const canceled = () => reject(new ConnectError("the call was aborted", Code.Canceled));
    if (signal?.aborted) return canceled();
    const late = () => reject(new ConnectError("no token in time", Code.DeadlineExceeded));
    const timer = limitMs > 0 ? setTimeout(late, limitMs) : undefined;
    signal?.addEventListener("abort", canceled, { once: true });
    const done = () => {
      clearTimeout(timer);
      signal?.removeEventListener("abort", canceled);
    };
    ask().then(resolve, reject).finally(done);
  });
}
