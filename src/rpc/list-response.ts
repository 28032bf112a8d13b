import { create, type UnknownField } from "@bufbuild/protobuf";
import { WireType } from "@bufbuild/protobuf/wire";
import { ListResponseSchema } from "../../gen/audit/v1/audit_service_pb.ts";
import type { Entry } from "../log/entry.ts";
import { encodeEntry } from "./codec.ts";
import { writeEntry } from "./entry-bytes.ts";
import type { Page } from "./list-query.ts";
import { wireFormOf } from "./stream-message.ts";
import { WireWriter } from "./wire-writer.ts";

/** Serves all answers, one after another. */
const writer = new WireWriter();

/**
 * A page as the library's message. For a binary answer its entries are encoded here, at a quarter of
 * what that costs the library, and go along as a field that it does not know and writes as it is.
 */
export function listResponse({ entries, ...page }: Page, responseHeader: Headers) {
  if (wireFormOf(responseHeader).json) return { ...page, entries: entries.map(encodeEntry) };
  const message = create(ListResponseSchema, page);
  if (entries.length > 0) message.$unknown = [encodedEntries(entries)];
  return message;
}

/** The field `entries`: its first tag is the library's to write. */
function encodedEntries(entries: readonly Entry[]): UnknownField {
  const no = ListResponseSchema.field.entries.number;
  writer.reset();
  for (const entry of entries) {
    const mark = writer.begin(no);
    writeEntry(writer, entry);
    writer.end(mark);
  }
  return { no, wireType: WireType.LengthDelimited, data: writer.finish().subarray(1) };
}
