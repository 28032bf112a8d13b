import type { IncomingHttpHeaders } from "node:http2";
import type { Authentication } from "../rpc/authenticate.ts";
import { FastCall, type FastCallOptions } from "./fast-call.ts";
import { type Format, formats, headerText } from "./fast-format.ts";
import type { FastMethod } from "./fast-method.ts";
import type { StreamListener } from "./protocols.ts";

/** What {@link fastLane} needs. */
export interface FastLaneOptions extends FastCallOptions {
  readonly methods: readonly FastMethod[];
  readonly remembered: Authentication["remembered"];
}

/** The longest that a timer of Node can wait. */
const timerMaxMs = 2 ** 31 - 1;

/**
 * A way past connect-node for calls that succeed: unary HTTP/2 calls of the given methods, of a caller
 * whose credential is remembered, without anything out of the ordinary. They go from Node's stream to
 * the handler that the router has, and the answer is what connect-node would write. Everything else
 * is connect-node's: calls that are not plain by their headers, untouched; malformed bodies and calls
 * that fail, with what was read and how they failed. So no error is made or encoded here.
 */
export function fastLane(options: FastLaneOptions): (next: StreamListener) => StreamListener {
  const methods = new Map<unknown, FastMethod>(
    options.methods.map((method) => [
      `/${method.desc.parent.typeName}/${method.desc.name}`,
      method,
    ]),
  );
  let knownAuthority: string | undefined;
  const isAuthority = (authority: string | undefined) => {
    if (authority === undefined) return false;
    if (authority === knownAuthority) return true;
    if (!URL.canParse(`http://${authority}/`)) return false;
    knownAuthority = authority;
    return true;
  };

  return (next) => (stream, headers, flags, rawHeaders) => {
    const method = methods.get(headers[":path"]);
    const format = formats.get(headers["content-type"]);
    const plain = method && format && headers[":method"] === "POST" && isPlain(headers, format);
    if (!plain || !isAuthority(headers[":authority"])) {
      next(stream, headers, flags, rawHeaders);
      return;
    }
    const { timeoutMs, error } = format.parseTimeout(
      headerText(headers, format.timeout),
      timerMaxMs,
    );
    const tooLarge = Number(headers["content-length"] ?? 0) > options.messageBytes;
    const caller =
      error === undefined && timeoutMs !== 0 && !tooLarge
        ? options.remembered(headerText(headers, "authorization"), headerText(headers, "x-api-key"))
        : undefined;
    if (caller === undefined) {
      next(stream, headers, flags, rawHeaders);
      return;
    }
    new FastCall(options, { stream, headers, method, format, caller, timeoutMs }, () =>
      next(stream, headers, flags, rawHeaders),
    );
  };
}

/** Nothing that the lane does not know to answer as the library would: see `docs/decisions/0021`. */
function isPlain(headers: IncomingHttpHeaders, { encoding }: Format): boolean {
  const compression = headers[encoding];
  return (
    (compression === undefined || compression === "identity") &&
    headers.origin === undefined &&
    headers.expect === undefined
  );
}
