import { create } from "@bufbuild/protobuf";
import { durationFromMs, timestampFromMs } from "@bufbuild/protobuf/wkt";
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
import { decodeEntry, type EntryContext, encodeEntry } from "./codec.ts";
import { authenticatedKey, type CallContext } from "./principal.ts";
import type { Outcome } from "./record-wire.ts";
import type { Services } from "./services.ts";

/** What became of a batch, and how it is to be told. */
export interface RecordedBatch {
  readonly outcomes: readonly Outcome[];
  readonly acknowledgeOnly: boolean;
}

/**
 * Records many entries. Each succeeds or fails alone, but none overtakes one that is put off. What it
 * answers, {@link recordBatchResponse} encodes.
 */
export function recordBatch(services: Services) {
  const { logger, prefixes, makeId } = services;
  return async (request: RecordBatchRequest, context: CallContext): Promise<RecordedBatch> => {
    const { principal } = context.values.get(authenticatedKey);
    const { length } = request.entries;
    if (length === 0 || length > requestLimits.batchEntries) {
      throw invalidField("entries", `must be 1 to ${requestLimits.batchEntries} entries`);
    }
    const entryContext = { principal, prefixes, makeId };
    const decoded = request.entries.map((entry) => decodeOne(entry, entryContext));
    const bytes = decoded.reduce((sum, entry) => sum + ("bytes" in entry ? entry.bytes : 0), 0);
    if (bytes > responseLimits.pageBytes) {
      const limit = `${responseLimits.pageBytes} bytes together`;
      throw invalidField("entries", `must be at most ${limit}, as they are answered`);
    }
    // All are queued in one turn of the event loop, so that they keep their order.
    const record = services.recordInOrder(context.signal);
    const failed = (error: unknown): Outcome => {
      // The call has ended, and with it whoever would hear of one entry.
      if (context.signal.aborted) throw error;
      const failure = toAuditError(error, (unknown) => {
        logger.error({ err: unknown }, "an entry of a batch could not be recorded");
      });
      return refused(failure);
    };
    const outcomes = decoded.map((entry) =>
      entry instanceof AuditError ? refused(entry) : record(entry).then(recorded, failed),
    );
    return {
      outcomes: await Promise.all(outcomes),
      acknowledgeOnly: request.acknowledgeOnly,
    };
  };
}

/** A RecordBatchResponse. */
export function recordBatchResponse({ outcomes, acknowledgeOnly }: RecordedBatch) {
  const encode = acknowledgeOnly ? acknowledge : encodeEntry;
  return {
    results: outcomes.map((outcome) => ({
      outcome:
        outcome.case === "entry"
          ? { case: "entry" as const, value: encode(outcome.value) }
          : outcome,
    })),
  };
}

/** An entry to record, or what is wrong with it. */
function decodeOne(message: AuditEntry, context: EntryContext): NewEntry | AuditError {
  try {
    return decodeEntry(message, "", context);
  } catch (error) {
    if (error instanceof AuditError) return error;
    throw error;
  }
}

function recorded(entry: Entry): Outcome {
  return { case: "entry", value: entry };
}

function refused(error: AuditError): Outcome {
  return { case: "error", value: encodeError(error) };
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
