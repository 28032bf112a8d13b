import { isMessage, type Message } from "@bufbuild/protobuf";
import type { Interceptor } from "@connectrpc/connect";
import { StreamResponseSchema } from "../../gen/audit/v1/audit_service_pb.ts";
import { GetCheckpointResponseSchema } from "../../gen/audit/v1/proof_service_pb.ts";

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

/** Changes what a server answers, message by message, streamed ones too. */
export function editing(edit: (message: Message) => void): Interceptor {
  return (next) => async (request) => {
    const response = await next(request);
    if (!response.stream) {
      edit(response.message);
      return response;
    }
    const edited = async function* <T extends Message>(messages: AsyncIterable<T>) {
      for await (const message of messages) {
        edit(message);
        yield message;
      }
    };
    return { ...response, message: edited(response.message) };
  };
}

/** A server that has an earlier checkpoint to give, and of its log no more than that has. */
export function rolledBackTo(note: string): Interceptor {
  const size = BigInt(note.split("\n")[1] ?? "");
  return editing((message) => {
    if (isMessage(message, GetCheckpointResponseSchema)) message.checkpoint = note;
    if (!isMessage(message, StreamResponseSchema)) return;
    message.entries = message.entries.filter(({ sequence }) => sequence <= size);
    message.withheld = message.withheld.filter(({ sequence }) => sequence <= size);
  });
}
