/** Where a client calls and as whom, on Node and in browsers. */
import type { Interceptor, Transport } from "@connectrpc/connect";
import type { RedactionOptions } from "./metadata/redaction.ts";

/** A token, or what fetches a fresh one. */
export type Token = string | (() => string | Promise<string>);

/** Where to call, and as whom. */
export interface AuditClientOptions {
  /** The server's address; required unless `transport` is given. Example: `http://127.0.0.1:8080` */
  readonly baseUrl?: string | undefined;
  /**
   * A JWT or an API key for the `Authorization` header. A function is asked for every call and every
   * connection of a tail, so it should keep a token until shortly before that expires. What it throws
   * fails the call as UNAVAILABLE, and so is tried again where calls are; a ConnectError stays as it is.
   */
  readonly token?: Token | undefined;
  /** An API key for the `X-API-Key` header, instead of a token. */
  readonly apiKey?: string | undefined;
  /** The deadline of unary calls in milliseconds; 30,000 unless given. Streams have none. */
  readonly timeoutMs?: number | undefined;
  /** Called before every call, after the credential is set. Not with `transport`, which has its own. */
  readonly interceptors?: readonly Interceptor[] | undefined;
  /** What `record` never sends; by default what has a secret's name, such as `password` or `token`. */
  readonly redact?: RedactionOptions | undefined;
  /** A transport of yours, in the place of the client's own. Closing it is yours too. */
  readonly transport?: Transport | undefined;
}

/** The deadline of unary calls, unless another is given. */
export const defaultTimeoutMs = 30_000;

/**
 * The server's address without a slash at its end.
 *
 * @throws TypeError if it is not an absolute http or https address, or has credentials, a query or
 *   a fragment.
 */
export function checkedBaseUrl(baseUrl: unknown): string {
  if (baseUrl === undefined) throw new TypeError("baseUrl: is required, or a transport");
  const url = typeof baseUrl === "string" && URL.canParse(baseUrl) ? new URL(baseUrl) : undefined;
  if (url?.protocol !== "http:" && url?.protocol !== "https:") {
    throw new TypeError("baseUrl: must be an http or https address");
  }
  // Not repeated in the message: a password may be in it.
  if (url.username !== "" || url.password !== "" || url.search !== "" || url.hash !== "") {
    throw new TypeError("baseUrl: must have no credentials, query or fragment");
  }
  return url.href.replace(/\/+$/, "");
}

/**
 * Checks what can be checked before the first call.
 *
 * @throws TypeError naming the option.
 */
export function checkOptions(options: AuditClientOptions): void {
  const { token, apiKey, timeoutMs, interceptors, transport } = options;
  if (token !== undefined && apiKey !== undefined) {
    throw new TypeError("token, apiKey: exclude each other");
  }
  if (token !== undefined && typeof token !== "function") checkedCredential("token", token);
  if (apiKey !== undefined) checkedCredential("apiKey", apiKey);
  if (timeoutMs !== undefined && !(Number.isFinite(timeoutMs) && timeoutMs > 0)) {
    throw new TypeError("timeoutMs: must be a number above 0");
  }
  if (transport !== undefined && interceptors !== undefined) {
    throw new TypeError("interceptors: belong to the given transport");
  }
}

/**
 * A credential as it can stand in a header, without spaces and line ends around it.
 *
 * @throws TypeError, which does not repeat it.
 */
export function checkedCredential(name: string, value: unknown): string {
  const text = typeof value === "string" ? value.trim() : "";
  if (text === "") throw new TypeError(`${name}: is empty or no string`);
  if (!/^[\x21-\x7e]+$/.test(text)) {
    throw new TypeError(`${name}: has characters that no credential has`);
  }
  return text;
}
