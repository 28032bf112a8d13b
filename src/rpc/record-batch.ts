import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { durationFromMs, timestampFromMs } from "@bufbuild/protobuf/wkt";
import type { HandlerContext } from "@connectrpc/connect";
import {
  type RecordBatchRequest,
  type RecordError,
  RecordErrorSchema,
} from "../../gen/audit/v1/audit_service_pb.ts";
import { type AuditEntry, AuditEntrySchema } from "../../gen/audit/v1/entry_pb.ts";
import { ErrorReason } from "../../gen/audit/v1/error_reason_pb.ts";
import { AuditError, invalidField, toAuditError } from "../errors.ts";
import { formatEntryId, formatTeamId } from "../ids.ts";
import { requestLimits, responseLimits } from "../limits.ts";
import type { Entry, NewEntry } from "../log/entry.ts";
import { decodeEntry, encodeEntry } from "./codec.ts";
import { authenticatedKey, type Principal } from "./principal.ts";
import type { Services } from "./services.ts";

/** Records many entries. Each succeeds or fails alone, but none overtakes one that is put off. */
export function recordBatch(services: Services) {
  return async (request: RecordBatchRequest, context: HandlerContext) => {
    const { principal } = context.values.get(authenticatedKey);
    const { length } = request.entries;
    if (length === 0 || length > requestLimits.batchEntries) {
      throw invalidField("entries", `must be 1 to ${requestLimits.batchEntries} entries`);
    }
    const decoded = request.entries.map((entry) => decodeOne(services, principal, entry));
    const bytes = decoded.reduce((sum, entry) => sum + ("bytes" in entry ? entry.bytes : 0), 0);
    if (bytes > responseLimits.pageBytes) {
      const limit = `${responseLimits.pageBytes} bytes together`;
      throw invalidField("entries", `must be at most ${limit}, as they are answered`);
    }
    // All are queued in one turn of the event loop, so that they keep their order.
    const encode = request.acknowledgeOnly ? acknowledge : encodeEntry;
    const record = services.recordInOrder(context.signal);
    const results = decoded.map((entry) =>
      recordOne({ record, logger: services.logger }, entry, encode, context.signal),
    );
    return { results: await Promise.all(results) };
  };
}

/** An entry to record, or what is wrong with it. */
function decodeOne(
  services: Services,
  principal: Principal,
  message: AuditEntry,
): NewEntry | AuditError {
  try {
    return decodeEntry(message, "", { principal, ...services });
  } catch (error) {
    if (error instanceof AuditError) return error;
    throw error;
  }
}

async function recordOne(
  { record, logger }: Pick<Services, "logger"> & { record: ReturnType<Services["recordInOrder"]> },
  entry: NewEntry | AuditError,
  encode: (recorded: Entry) => MessageInitShape<typeof AuditEntrySchema>,
  signal: AbortSignal,
) {
  try {
    if (entry instanceof AuditError) throw entry;
    const recorded = await record(entry);
    return { outcome: { case: "entry", value: encode(recorded) } } as const;
  } catch (error) {
    // The call has ended, and with it whoever would hear of one entry.
    if (signal.aborted) throw error;
    const failure = toAuditError(error, (unknown) => {
      logger.error({ err: unknown }, "an entry of a batch could not be recorded");
    });
    return { outcome: { case: "error", value: encodeError(failure) } } as const;
  }
}

/** That an entry was recorded, and as what. */
function acknowledge({ id, teamId, sequence, recordTime }: Entry): AuditEntry {
  return create(AuditEntrySchema, {
    id: formatEntryId(id),
    teamId: formatTeamId(teamId),
    sequence,
    recordTime: timestampFromMs(recordTime),
  });
}

function encodeError(error: AuditError): RecordError {
  return create(RecordErrorSchema, {
    code: error.code,
    reason: ErrorReason[error.reason],
    message: error.message,
    fieldViolations: error.violations.map((violation) => ({ ...violation })),
    ...(error.retryDelayMs === undefined ? {} : { retryDelay: durationFromMs(error.retryDelayMs) }),
  });
}
