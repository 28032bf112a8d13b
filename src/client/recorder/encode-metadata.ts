import { entryLimits } from "../../limits.ts";
import { type PlainValue, plainValue, TooManyValues } from "../metadata/plain-value.ts";
import type { Redaction } from "../metadata/redaction.ts";
import { OutOfSpace, type ReverseWriter } from "./reverse-writer.ts";

/** A value takes two bytes at least, so more do not fit into an entry. */
const maxValues = entryLimits.encodedBytes / 2;

/**
 * Writes a plain object as a google.protobuf.Struct, redacted, with what JSON lacks replaced as
 * `plainValue` does. Tells `amend` where a note stands for a value.
 *
 * @throws OutOfSpace if it does not fit.
 */
export function writeMetadata(
  writer: ReverseWriter,
  metadata: object,
  redaction: Redaction,
  amend: (message: string) => void,
): void {
  const value = plain(metadata, redaction, amend);
  if (typeof value === "object" && value !== null && !isList(value)) writeStruct(writer, value);
}

function plain(
  metadata: object,
  redaction: Redaction,
  amend: (message: string) => void,
): PlainValue | undefined {
  try {
    return plainValue(metadata, {
      maxDepth: entryLimits.metadataDepth,
      maxValues,
      place: redaction.root,
      onNote: (path, what) => amend(`metadata${path && "."}${path}: is ${what}`),
    });
  } catch (error) {
    if (error instanceof TooManyValues) throw new OutOfSpace("too many values");
    throw error;
  }
}

function writeStruct(writer: ReverseWriter, object: { readonly [key: string]: PlainValue }): void {
  const keys = Object.keys(object);
  for (let i = keys.length - 1; i >= 0; i--) {
    const key = keys[i] as string;
    const start = writer.mark;
    writeValue(writer, object[key] as PlainValue);
    writer.message(2, start);
    writer.text(1, key);
    writer.message(1, start);
  }
}

/** As a google.protobuf.Value. */
function writeValue(writer: ReverseWriter, value: PlainValue): void {
  if (value === null) writer.varint(1, 0);
  else if (typeof value === "string") writer.text(3, value);
  else if (typeof value === "number") writer.double(2, value);
  else if (typeof value === "boolean") writer.varint(4, value ? 1 : 0);
  else {
    const start = writer.mark;
    const list = isList(value);
    if (list) writeList(writer, value);
    else writeStruct(writer, value);
    writer.message(list ? 6 : 5, start);
  }
}

function writeList(writer: ReverseWriter, list: readonly PlainValue[]): void {
  for (let i = list.length - 1; i >= 0; i--) {
    const start = writer.mark;
    writeValue(writer, list[i] as PlainValue);
    writer.message(1, start);
  }
}

function isList(value: object): value is readonly PlainValue[] {
  return Array.isArray(value);
}
