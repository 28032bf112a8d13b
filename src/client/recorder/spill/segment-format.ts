/**
 * The bytes of a segment. A header: magic and version (8 bytes), the segment's marker (8 random bytes), the
 * number of its first record (6 bytes), CRC-32 of these. Then records: the marker, the record's number
 * (6 bytes), the length of its payload (4 bytes), CRC-32 of number, length and payload, the payload. Integers
 * are little-endian and unsigned.
 *
 * The marker shows where to go on behind damage. It is random so that nobody can put a payload together
 * that would then be taken for records of its own. Records are numbered through a session, so that a gap
 * tells how many are missing.
 */
import { crc32 } from "node:zlib";

/** The length of a marker. */
export const markerBytes = 8;
/** The length of a segment's header. */
export const headerBytes = 26;
/** What a record takes beyond its payload. */
export const recordOverheadBytes = 22;
/** The longest payload. */
export const maxPayloadBytes = 4 * 1024 * 1024;

const magic = Buffer.from("ANSPILL\u0001", "latin1");

/** What a header says. */
export interface SegmentHeader {
  readonly marker: Buffer;
  /** The number of the first record. */
  readonly first: number;
}

/** The bytes of a header. */
export function encodeHeader({ marker, first }: SegmentHeader): Buffer {
  const header = Buffer.alloc(headerBytes);
  magic.copy(header);
  marker.copy(header, 8);
  header.writeUIntLE(first, 16, 6);
  header.writeUInt32LE(crc32(header.subarray(0, 22)), 22);
  return header;
}

/**
 * Reads a header from at least `headerBytes`; undefined if it is damaged.
 *
 * @throws Error if it is whole and of another version, whose records are left to whoever knows them.
 */
export function decodeHeader(bytes: Buffer): SegmentHeader | undefined {
  if (crc32(bytes.subarray(0, 22)) !== bytes.readUInt32LE(22)) return undefined;
  if (!bytes.subarray(0, 8).equals(magic)) {
    throw new Error("the segment is of a version that is not known here");
  }
  return { marker: Buffer.from(bytes.subarray(8, 16)), first: bytes.readUIntLE(16, 6) };
}

/** The bytes of records, numbered from `first` on. */
export function encodeRecords(
  payloads: readonly Uint8Array[],
  marker: Buffer,
  first: number,
): Buffer {
  let length = 0;
  for (const payload of payloads) length += recordBytes(payload);
  const records = Buffer.allocUnsafe(length);
  let at = 0;
  for (const [index, payload] of payloads.entries()) {
    marker.copy(records, at);
    records.writeUIntLE(first + index, at + 8, 6);
    records.writeUInt32LE(payload.length, at + 14);
    records.writeUInt32LE(crc32(payload, crc32(records.subarray(at + 8, at + 18))), at + 18);
    records.set(payload, at + recordOverheadBytes);
    at += recordBytes(payload);
  }
  return records;
}

/** How much a record of this payload takes. */
export function recordBytes(payload: Uint8Array): number {
  return recordOverheadBytes + payload.length;
}

/** What stands at some place of a segment. */
export type Found =
  | { readonly number: number; readonly payload: Buffer }
  /** No record, or a damaged one. */
  | "damaged"
  /** Perhaps a record, of which so many bytes must be there to tell. */
  | { readonly needsBytes: number };

/** Looks for a record at a place in the bytes of a segment. */
export function recordAt(bytes: Buffer, at: number, marker: Buffer): Found {
  const left = bytes.length - at;
  if (left < recordOverheadBytes) return { needsBytes: recordOverheadBytes };
  if (marker.compare(bytes, at, at + markerBytes) !== 0) return "damaged";
  const length = bytes.readUInt32LE(at + 14);
  if (length > maxPayloadBytes) return "damaged";
  const end = at + recordOverheadBytes + length;
  if (end > bytes.length) return { needsBytes: recordOverheadBytes + length };
  const payload = bytes.subarray(at + recordOverheadBytes, end);
  const sum = crc32(payload, crc32(bytes.subarray(at + 8, at + 18)));
  if (sum !== bytes.readUInt32LE(at + 18)) return "damaged";
  return { number: bytes.readUIntLE(at + 8, 6), payload };
}
