import type { Json, JsonObject } from "../log/entry.ts";
import { unusual, type WireReader } from "./wire-reader.ts";
import type { WireWriter } from "./wire-writer.ts";

/** google.protobuf.Struct on the wire, straight from and to JSON. */

/** Levels that are read; protobuf-es, which reads more, is asked about deeper ones. */
const maxDepth = 24;

/** Writes the members of an object as the fields of a Struct. */
export function writeStruct(writer: WireWriter, object: JsonObject): void {
  for (const key of Object.keys(object)) {
    const member = writer.begin(1);
    writer.presentText(1, key);
    writeValue(writer, 2, object[key] as Json);
    writer.end(member);
  }
}

function writeValue(writer: WireWriter, field: number, value: Json): void {
  const mark = writer.begin(field);
  if (typeof value === "string") writer.presentText(3, value);
  else if (typeof value === "number") writer.double(2, value);
  else if (typeof value === "boolean") writer.presentNumber(4, value ? 1 : 0);
  else if (value === null) writer.presentNumber(1, 0);
  else {
    const list = isList(value);
    const inner = writer.begin(list ? 6 : 5);
    if (list) for (const item of value) writeValue(writer, 1, item);
    else writeStruct(writer, value);
    writer.end(inner);
  }
  writer.end(mark);
}

/**
 * Reads a Struct that ends at `end`.
 *
 * @throws UnusualBytes
 */
export function readStruct(reader: WireReader, end: number, depth = 1): JsonObject {
  if (depth > maxDepth) unusual();
  const object: Record<string, Json> = {};
  while (reader.at < end) {
    if (reader.tag() !== 0x0a) unusual();
    const memberEnd = reader.end(end);
    if (reader.tag() !== 0x0a) unusual();
    const key = reader.text(memberEnd);
    if (reader.tag() !== 0x12) unusual();
    const value = readValue(reader, memberEnd, depth);
    if (reader.at !== memberEnd) unusual();
    if (key === "__proto__") define(object, key, value);
    else object[key] = value;
  }
  return object;
}

/** Reads a Value with its length. */
function readValue(reader: WireReader, limit: number, depth: number): Json {
  const end = reader.end(limit);
  const value = readKind(reader, end, depth);
  return reader.at === end ? value : unusual();
}

function readKind(reader: WireReader, end: number, depth: number): Json {
  switch (reader.tag()) {
    case 0x08:
      return reader.number() === 0 ? null : unusual();
    case 0x11:
      return reader.double();
    case 0x1a:
      return reader.text(end);
    case 0x20:
      return reader.bool();
    case 0x2a:
      return readStruct(reader, reader.end(end), depth + 1);
    case 0x32:
      return readList(reader, reader.end(end), depth + 1);
    default:
      return unusual();
  }
}

function readList(reader: WireReader, end: number, depth: number): Json[] {
  if (depth > maxDepth) unusual();
  const list: Json[] = [];
  while (reader.at < end) {
    if (reader.tag() !== 0x0a) unusual();
    list.push(readValue(reader, end, depth));
  }
  return list;
}

function define(object: object, key: string, value: Json): void {
  Object.defineProperty(object, key, {
    value,
    writable: true,
    enumerable: true,
    configurable: true,
  });
}

function isList(value: readonly Json[] | JsonObject): value is readonly Json[] {
  return Array.isArray(value);
}
