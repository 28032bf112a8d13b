import { Code, ConnectError } from "@connectrpc/connect";
import { codeToString } from "@connectrpc/connect/protocol-connect";
import {
  BadRequestSchema,
  ErrorInfoSchema,
  RetryInfoSchema,
} from "../../gen/google/rpc/error_details_pb.ts";

/** What a caller is told when a call fails. */
export interface Refusal {
  /** Lower-case, as on the wire: `invalid_argument`. */
  readonly code: string;
  /** Of `google.rpc.ErrorInfo`; undefined without one. */
  readonly reason: string | undefined;
  readonly metadata: Readonly<Record<string, string>>;
  /** Of `google.rpc.BadRequest`, in order. */
  readonly fields: readonly string[];
  readonly retries: boolean;
  readonly message: string;
}

/** How a call fails. Throws if it succeeds, or fails with anything but a ConnectError. */
export async function refusal(call: Promise<unknown>): Promise<Refusal> {
  try {
    await call;
  } catch (error) {
    return describeRefusal(error);
  }
  throw new Error("the call succeeded");
}

/** What an error tells the caller. Throws what is no ConnectError. */
export function describeRefusal(error: unknown): Refusal {
  if (!(error instanceof ConnectError)) throw error;
  const [info] = error.findDetails(ErrorInfoSchema);
  if (info !== undefined && info.domain !== "audit.v1") throw new Error(`domain: ${info.domain}`);
  return {
    code: error.code === Code.Canceled ? "canceled" : codeToString(error.code),
    reason: info?.reason,
    metadata: info?.metadata ?? {},
    fields: error
      .findDetails(BadRequestSchema)
      .flatMap(({ fieldViolations }) => fieldViolations.map(({ field }) => field)),
    retries: error.findDetails(RetryInfoSchema).length > 0,
    message: error.rawMessage,
  };
}
