import type { Interceptor } from "@connectrpc/connect";
import { deadlineExceeded } from "../errors.ts";

/**
 * Ends a unary call at its client's deadline, or after `maxMs` at the latest, whatever it waits
 * for. Its signal tells the handler, so that an entry still queued is not recorded.
 */
export function deadline(maxMs: number): Interceptor {
  return (next) => async (request) => {
    if (request.stream) return next(request);
    request.signal.throwIfAborted();
    const ending = new AbortController();
    const onAbort = () => ending.abort(request.signal.reason);
    request.signal.addEventListener("abort", onAbort, { once: true });
    const timer = setTimeout(() => ending.abort(deadlineExceeded()), maxMs);
    try {
      const ended = new Promise<never>((_, reject) => {
        ending.signal.addEventListener("abort", () => reject(ending.signal.reason), { once: true });
      });
      return await Promise.race([next({ ...request, signal: ending.signal }), ended]);
    } finally {
      clearTimeout(timer);
      request.signal.removeEventListener("abort", onAbort);
    }
  };
}
