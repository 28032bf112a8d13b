import {
  create,
  type DescMessage,
  type DescMethodUnary,
  fromBinary,
  fromJsonString,
  type MessageInitShape,
  type MessageShape,
  toJsonString,
} from "@bufbuild/protobuf";
import { AuditService } from "../../gen/audit/v1/audit_service_pb.ts";
import type { CallContext } from "../rpc/principal.ts";
import { recordResponse } from "../rpc/record.ts";
import { recordBatchResponse } from "../rpc/record-batch.ts";
import {
  readRecordBatchRequest,
  readRecordRequest,
  recordBatchResponseBytes,
  recordResponseBytes,
} from "../rpc/record-wire.ts";
import type { RecordHandlers } from "../rpc/routes.ts";
import { UnusualBytes } from "../rpc/wire-reader.ts";
import { binaryOptions, jsonOptions } from "./rpc-handler.ts";

/** An RPC that can be called with the bytes of its request and answers the bytes of its response. */
export interface FastMethod {
  readonly desc: DescMethodUnary;
  /**
   * Decodes a request, in JSON or binary; what it returns runs the handler and encodes its answer.
   *
   * @throws Error if the bytes are no such request.
   */
  decode(bytes: Uint8Array, json: boolean): (context: CallContext) => Promise<Uint8Array>;
}

/** The RPCs of the fast lane, with the handlers that the router has. */
export function fastMethods(handlers: RecordHandlers): FastMethod[] {
  const { record, recordBatch } = AuditService.method;
  return [
    fastMethod(record, handlers.record, {
      read: readRecordRequest,
      write: recordResponseBytes,
      respond: recordResponse,
    }),
    fastMethod(recordBatch, handlers.recordBatch, {
      read: readRecordBatchRequest,
      write: ({ outcomes, acknowledgeOnly }) => recordBatchResponseBytes(outcomes, acknowledgeOnly),
      respond: recordBatchResponse,
    }),
  ];
}

/** How a method's messages get from and to the wire. */
interface Wire<Input extends DescMessage, Output extends DescMessage, Result> {
  /** @throws UnusualBytes for what it leaves to protobuf-es. */
  readonly read: (bytes: Uint8Array) => MessageShape<Input>;
  readonly write: (result: Result) => Uint8Array;
  readonly respond: (result: Result) => MessageInitShape<Output>;
}

function fastMethod<Input extends DescMessage, Output extends DescMessage, Result>(
  desc: DescMethodUnary<Input, Output>,
  handle: (request: MessageShape<Input>, context: CallContext) => Promise<Result>,
  { read, write, respond }: Wire<Input, Output, Result>,
): FastMethod {
  const { input, output } = desc;
  const { textDecoder } = jsonOptions;
  const readBinary = (bytes: Uint8Array) => {
    try {
      return read(bytes);
    } catch (error) {
      if (error instanceof UnusualBytes) return fromBinary(input, bytes, binaryOptions);
      throw error;
    }
  };
  return {
    desc,
    decode: (bytes, json) => {
      if (!json) {
        const request = readBinary(bytes);
        return async (context) => write(await handle(request, context));
      }
      const request = fromJsonString(input, textDecoder.decode(bytes), jsonOptions);
      return async (context) => {
        const answer = create(output, respond(await handle(request, context)));
        return Buffer.from(toJsonString(output, answer));
      };
    },
  };
}
