import type { Interceptor } from "@connectrpc/connect";

/**
 * Stands between a client and every stream that it opens. `beforeEach` is run before a message is
 * handed on, with its number from 1; with "end" the stream ends there as if all were well.
 */
export function meddling(beforeEach: (number: number) => Promise<"go on" | "end">): Interceptor {
  return (next) => async (request) => {
    const response = await next(request);
    if (!response.stream) return response;
    const meddled = async function* <T>(messages: AsyncIterable<T>) {
      let number = 0;
      for await (const message of messages) {
        number += 1;
        if ((await beforeEach(number)) === "end") return;
        yield message;
      }
    };
    return { ...response, message: meddled(response.message) };
  };
}
