import type { HandlerContext } from "@connectrpc/connect";
import type { RecordRequest } from "../../gen/audit/v1/audit_service_pb.ts";
import { invalidField } from "../errors.ts";
import { positionAfter } from "../log/position.ts";
import { decodeEntry, encodeEntry } from "./codec.ts";
import { encodeCursor } from "./cursor.ts";
import { authenticatedKey } from "./principal.ts";
import type { Services } from "./services.ts";

/** Records one entry. */
export function record(services: Services) {
  return async (request: RecordRequest, context: HandlerContext) => {
    const { principal } = context.values.get(authenticatedKey);
    if (request.entry === undefined) throw invalidField("entry", "is required");
    const entry = decodeEntry(request.entry, "entry", { principal, ...services });
    const recorded = await services.record(entry, context.signal);
    return {
      entry: encodeEntry(recorded),
      cursor: encodeCursor(recorded.teamId, positionAfter(recorded)),
    };
  };
}
