import { formatEntryId, formatTeamId } from "../ids.ts";
import type { Entry, Millis } from "../log/entry.ts";
import { writeStruct } from "./metadata-wire.ts";
import { actorTypes, detailsStates, scopes, statuses } from "./wire-words.ts";
import { WireWriter } from "./wire-writer.ts";

/** Serves all entries, one after another. */
const shared = new WireWriter();

/**
 * An entry as a binary `AuditEntry`: the bytes that protobuf-es makes of `encodeEntry`, in a quarter of the
 * time. They are in memory of their own.
 */
export function entryBytes(entry: Entry): Uint8Array<ArrayBuffer> {
  shared.reset();
  writeEntry(shared, entry);
  return shared.finish();
}

/** Writes the fields of an `AuditEntry`. */
export function writeEntry(writer: WireWriter, entry: Entry): void {
  const { recorder, actor, resource, details } = entry;
  const { actorName, resourceName, metadata, ipAddress, userAgent, requestId, traceId } = details;
  writer.text(1, formatEntryId(entry.id));
  writer.text(2, formatTeamId(entry.teamId));
  writer.bigint(3, entry.sequence);
  let mark = writer.begin(4);
  writer.text(1, recorder.type);
  writer.text(2, recorder.id);
  writer.end(mark);
  mark = writer.begin(5);
  writer.number(1, actorTypes[actor.type]);
  writer.text(2, actor.id);
  if (actorName !== undefined) writer.text(3, actorName);
  writer.end(mark);
  if (resource !== undefined) {
    mark = writer.begin(6);
    writer.text(1, resource.type);
    if (resource.id !== undefined) writer.text(2, resource.id);
    if (resourceName !== undefined) writer.text(3, resourceName);
    writer.end(mark);
  }
  writer.text(7, entry.action);
  writer.number(8, scopes[entry.scope]);
  writer.number(9, statuses[entry.status]);
  if (metadata !== undefined) {
    mark = writer.begin(10);
    writeStruct(writer, metadata);
    writer.end(mark);
  }
  if ((ipAddress ?? userAgent ?? requestId ?? traceId) !== undefined) {
    mark = writer.begin(11);
    if (ipAddress !== undefined) writer.text(1, ipAddress);
    if (userAgent !== undefined) writer.text(2, userAgent);
    if (requestId !== undefined) writer.text(3, requestId);
    if (traceId !== undefined) writer.text(4, traceId);
    writer.end(mark);
  }
  if (entry.occurTime !== undefined) writeTime(writer, 12, entry.occurTime);
  writeTime(writer, 13, entry.recordTime);
  writer.number(14, detailsStates[entry.detailsState]);
  if (entry.detailsSalt !== undefined) writer.bytes(15, entry.detailsSalt);
  writer.bytesAbove15(16, entry.detailsDigest);
  writer.bytesAbove15(17, entry.leafHash);
}

/** Writes a `google.protobuf.Timestamp`. */
export function writeTime(writer: WireWriter, field: number, time: Millis): void {
  const seconds = Math.floor(time / 1_000);
  const mark = writer.begin(field);
  if (seconds >= 0) writer.number(1, seconds);
  else writer.bigint(1, BigInt(seconds));
  writer.number(2, (time - seconds * 1_000) * 1_000_000);
  writer.end(mark);
}
