/** `annals record --stdin`: NDJSON into RecordBatch. */
import { toBinary } from "@bufbuild/protobuf";
import { durationMs } from "@bufbuild/protobuf/wkt";
import { type Client, ConnectError } from "@connectrpc/connect";
import type { AuditService, RecordError } from "../../gen/audit/v1/audit_service_pb.ts";
import { type AuditEntry, AuditEntrySchema } from "../../gen/audit/v1/entry_pb.ts";
import { backoffMs, pause } from "../client/backoff.ts";
import { EntryJsonError, entryFromJson, entryToJson } from "../client/entry-json.ts";
import { plainJson } from "../client/plain-json.ts";
import { type ConnectionFlags, connect } from "./connection.ts";
import { newEntryId } from "./entry-id.ts";
import { codeName, exitCodeOf, ReportedFailure } from "./failure.ts";
import { parseJson } from "./json-input.ts";
import { type InputLine, lineGroups } from "./lines.ts";
import { print, warn } from "./output.ts";
import { plainText } from "./plain-text.ts";

/** What one RecordBatch takes: 500 entries and 4 MiB, with room for the envelope. */
const maxBatchEntries = 500;
const maxBatchBytes = 3 * 1024 * 1024;
/** No entry within the server's 64 KiB needs a longer line. */
const maxLineBytes = 1024 * 1024;
const maxTries = 6;
const retryWaits = { baseMs: 250, maxMs: 5_000 };

interface NumberedEntry {
  line: number;
  entry: AuditEntry;
}

/**
 * Records each line; says on standard error which were refused, by number, and why. Entries that
 * the server could not take yet are sent again, at most six times in all: their ids, made here
 * when absent, keep that from recording twice. Throws ReportedFailure if any line was refused.
 */
export async function recordLines(
  input: AsyncIterable<Buffer>,
  flags: ConnectionFlags & { json?: boolean },
): Promise<void> {
  using client = await connect(flags);
  const tally = { recorded: 0, refused: 0 };
  const refuse = (line: number, why: string) => {
    tally.refused += 1;
    warn(`line ${line}: ${plainText(why)}`);
  };
  const accept = async (entries: readonly AuditEntry[]) => {
    tally.recorded += entries.length;
    if (!flags.json) return;
    const lines = entries.map((entry) => `${plainJson(entryToJson(entry))}\n`);
    if (lines.length > 0) await print(lines.join(""));
  };
  try {
    for await (const group of lineGroups(input, maxLineBytes)) {
      const entries = group.flatMap((line) => parseLine(line, flags.team ?? "", refuse));
      for (const batch of batches(entries)) await recordBatch(client.audit, batch, accept, refuse);
    }
  } finally {
    warn(`${tally.recorded} recorded, ${tally.refused} refused`);
  }
  if (tally.refused > 0) throw new ReportedFailure("some lines were refused");
}

function parseLine(
  { number, text }: InputLine,
  teamId: string,
  refuse: (line: number, why: string) => void,
): NumberedEntry[] {
  if (text?.trim() === "") return [];
  try {
    if (text === undefined) throw new EntryJsonError("longer than 1 MiB");
    const entry = entryFromJson(parseJson(text));
    entry.id ||= newEntryId();
    entry.teamId ||= teamId;
    return [{ line: number, entry }];
  } catch (error) {
    if (!(error instanceof EntryJsonError || error instanceof SyntaxError)) throw error;
    refuse(number, error instanceof SyntaxError ? `not JSON: ${error.message}` : error.message);
    return [];
  }
}

function* batches(entries: readonly NumberedEntry[]): Generator<NumberedEntry[]> {
  let batch: NumberedEntry[] = [];
  let bytes = 0;
  for (const each of entries) {
    const size = toBinary(AuditEntrySchema, each.entry).length;
    if (batch.length === maxBatchEntries || (batch.length > 0 && bytes + size > maxBatchBytes)) {
      yield batch;
      batch = [];
      bytes = 0;
    }
    batch.push(each);
    bytes += size;
  }
  if (batch.length > 0) yield batch;
}

async function recordBatch(
  audit: Client<typeof AuditService>,
  batch: readonly NumberedEntry[],
  accept: (entries: readonly AuditEntry[]) => Promise<void>,
  refuse: (line: number, why: string) => void,
): Promise<void> {
  let waiting = batch;
  for (let tries = 1; waiting.length > 0; tries++) {
    const last = tries === maxTries;
    let delayMs = backoffMs(tries, retryWaits);
    try {
      const { results } = await audit.recordBatch({ entries: waiting.map(({ entry }) => entry) });
      const recorded: AuditEntry[] = [];
      const again: NumberedEntry[] = [];
      for (const [i, each] of waiting.entries()) {
        const outcome = results[i]?.outcome;
        if (outcome?.case === "entry") recorded.push(outcome.value);
        else if (outcome?.case !== "error") refuse(each.line, "the server gave no result");
        else if (outcome.value.retryDelay && !last) {
          again.push(each);
          delayMs = Math.max(delayMs, Math.min(durationMs(outcome.value.retryDelay), 60_000));
        } else refuse(each.line, reasonOf(outcome.value));
      }
      await accept(recorded);
      waiting = again;
    } catch (error) {
      if (last || !(error instanceof ConnectError) || exitCodeOf(error) !== 5) throw error;
    }
    if (waiting.length > 0) await pause(delayMs, new AbortController().signal);
  }
}

function reasonOf({ code, message, fieldViolations }: RecordError): string {
  const fields = fieldViolations.map(({ field, description }) => `${field}: ${description}`);
  return fields.length > 0 ? fields.join("; ") : `${codeName(code)}: ${message}`;
}
