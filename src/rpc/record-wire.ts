import { toBinary } from "@bufbuild/protobuf";
import type { Timestamp } from "@bufbuild/protobuf/wkt";
import {
  type EntryProof,
  EntryProofSchema,
  type RecordBatchRequest,
  type RecordError,
  RecordErrorSchema,
  type RecordRequest,
} from "../../gen/audit/v1/audit_service_pb.ts";
import type { Actor, AuditEntry, RequestContext, Resource } from "../../gen/audit/v1/entry_pb.ts";
import { formatEntryId, formatTeamId } from "../ids.ts";
import type { Entry } from "../log/entry.ts";
import { writeEntry, writeTime } from "./entry-bytes.ts";
import { readStruct } from "./metadata-wire.ts";
import { unusual, WireReader } from "./wire-reader.ts";
import { WireWriter } from "./wire-writer.ts";

/**
 * The binary messages of Record and RecordBatch, by hand. The readers accept what clients usually send
 * and read it as protobuf-es does; for anything else they throw {@link UnusualBytes}, and protobuf-es
 * must be asked. Fields that only the server sets are among that. The writers' bytes are protobuf-es'.
 */

const none = new Uint8Array();

/**
 * Reads a RecordRequest.
 *
 * @throws UnusualBytes
 */
export function readRecordRequest(bytes: Uint8Array): RecordRequest {
  const reader = new WireReader(bytes);
  const { length } = reader;
  let entry: AuditEntry | undefined;
  let withProof = false;
  while (reader.at < length) {
    const tag = reader.tag();
    if (tag === 0x0a && entry === undefined) entry = readEntry(reader, reader.end(length));
    else if (tag === 0x10) withProof = reader.bool();
    else unusual();
  }
  return { $typeName: "audit.v1.RecordRequest", ...(entry && { entry }), withProof };
}

/**
 * Reads a RecordBatchRequest.
 *
 * @throws UnusualBytes
 */
export function readRecordBatchRequest(bytes: Uint8Array): RecordBatchRequest {
  const reader = new WireReader(bytes);
  const { length } = reader;
  const entries: AuditEntry[] = [];
  let acknowledgeOnly = false;
  while (reader.at < length) {
    const tag = reader.tag();
    if (tag === 0x0a) entries.push(readEntry(reader, reader.end(length)));
    else if (tag === 0x10) acknowledgeOnly = reader.bool();
    else unusual();
  }
  return { $typeName: "audit.v1.RecordBatchRequest", entries, acknowledgeOnly };
}

function readEntry(reader: WireReader, end: number): AuditEntry {
  const entry: AuditEntry = {
    $typeName: "audit.v1.AuditEntry",
    id: "",
    teamId: "",
    sequence: 0n,
    actor: undefined,
    resource: undefined,
    action: "",
    scope: 0,
    status: 0,
    metadata: undefined,
    context: undefined,
    occurTime: undefined,
    detailsState: 0,
    detailsSalt: none,
    detailsDigest: none,
    leafHash: none,
  };
  while (reader.at < end) {
    switch (reader.tag()) {
      case 0x0a:
        entry.id = reader.text(end);
        break;
      case 0x12:
        entry.teamId = reader.text(end);
        break;
      // A message field that comes again is merged with what came before: not here.
      case 0x2a:
        if (entry.actor !== undefined) unusual();
        entry.actor = readActor(reader, reader.end(end));
        break;
      case 0x32:
        if (entry.resource !== undefined) unusual();
        entry.resource = readResource(reader, reader.end(end));
        break;
      case 0x3a:
        entry.action = reader.text(end);
        break;
      case 0x40:
        entry.scope = reader.int32() as AuditEntry["scope"];
        break;
      case 0x48:
        entry.status = reader.int32() as AuditEntry["status"];
        break;
      case 0x52:
        if (entry.metadata !== undefined) unusual();
        entry.metadata = readStruct(reader, reader.end(end)) as AuditEntry["metadata"];
        break;
      case 0x5a:
        if (entry.context !== undefined) unusual();
        entry.context = readContext(reader, reader.end(end));
        break;
      case 0x62:
        if (entry.occurTime !== undefined) unusual();
        entry.occurTime = readTime(reader, reader.end(end));
        break;
      default:
        unusual();
    }
  }
  return reader.at === end ? entry : unusual();
}

function readActor(reader: WireReader, end: number): Actor {
  const actor: Actor = { $typeName: "audit.v1.Actor", type: 0, id: "", name: "" };
  while (reader.at < end) {
    const tag = reader.tag();
    if (tag === 0x08) actor.type = reader.int32() as Actor["type"];
    else if (tag === 0x12) actor.id = reader.text(end);
    else if (tag === 0x1a) actor.name = reader.text(end);
    else unusual();
  }
  return reader.at === end ? actor : unusual();
}

function readResource(reader: WireReader, end: number): Resource {
  const resource: Resource = { $typeName: "audit.v1.Resource", type: "", id: "", name: "" };
  while (reader.at < end) {
    const tag = reader.tag();
    if (tag === 0x0a) resource.type = reader.text(end);
    else if (tag === 0x12) resource.id = reader.text(end);
    else if (tag === 0x1a) resource.name = reader.text(end);
    else unusual();
  }
  return reader.at === end ? resource : unusual();
}

function readContext(reader: WireReader, end: number): RequestContext {
  const context: RequestContext = {
    $typeName: "audit.v1.RequestContext",
    ipAddress: "",
    userAgent: "",
    requestId: "",
    traceId: "",
  };
  while (reader.at < end) {
    const tag = reader.tag();
    if (tag === 0x0a) context.ipAddress = reader.text(end);
    else if (tag === 0x12) context.userAgent = reader.text(end);
    else if (tag === 0x1a) context.requestId = reader.text(end);
    else if (tag === 0x22) context.traceId = reader.text(end);
    else unusual();
  }
  return reader.at === end ? context : unusual();
}

function readTime(reader: WireReader, end: number): Timestamp {
  let seconds = 0;
  let nanos = 0;
  while (reader.at < end) {
    const tag = reader.tag();
    if (tag === 0x08) seconds = reader.number();
    else if (tag === 0x10) nanos = reader.int32();
    else unusual();
  }
  if (reader.at !== end) unusual();
  return { $typeName: "google.protobuf.Timestamp", seconds: BigInt(seconds), nanos };
}

/** What Record answers. */
export interface Recorded {
  readonly entry: Entry;
  readonly cursor: string;
  readonly proof?: EntryProof;
}

/** What became of one entry of a batch. */
export type Outcome =
  | { readonly case: "entry"; readonly value: Entry }
  | { readonly case: "error"; readonly value: RecordError };

/** Serves all answers, one after another. */
const writer = new WireWriter();

/** A binary RecordResponse. */
export function recordResponseBytes({ entry, cursor, proof }: Recorded): Uint8Array<ArrayBuffer> {
  writer.reset();
  const mark = writer.begin(1);
  writeEntry(writer, entry);
  writer.end(mark);
  writer.text(2, cursor);
  if (proof !== undefined) writer.message(3, toBinary(EntryProofSchema, proof));
  return writer.finishToSend();
}

/** A binary RecordBatchResponse; entries with nothing but what `acknowledge_only` answers, if so asked. */
export function recordBatchResponseBytes(
  outcomes: readonly Outcome[],
  acknowledgeOnly: boolean,
): Uint8Array<ArrayBuffer> {
  writer.reset();
  const write = acknowledgeOnly ? writeAcknowledgement : writeEntry;
  for (const outcome of outcomes) {
    const result = writer.begin(1);
    if (outcome.case === "error") {
      // Rare, and of many kinds.
      writer.message(2, toBinary(RecordErrorSchema, outcome.value));
    } else {
      const entry = writer.begin(1);
      write(writer, outcome.value);
      writer.end(entry);
    }
    writer.end(result);
  }
  return writer.finishToSend();
}

function writeAcknowledgement(to: WireWriter, entry: Entry): void {
  to.text(1, formatEntryId(entry.id));
  to.text(2, formatTeamId(entry.teamId));
  to.bigint(3, entry.sequence);
  writeTime(to, 13, entry.recordTime);
}
