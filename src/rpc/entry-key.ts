import type { GetRequest } from "../../gen/audit/v1/audit_service_pb.ts";
import { AuditError, invalidField } from "../errors.ts";
import { type EntryId, parseEntryId } from "../ids.ts";
import { maxTreeSize } from "../log/proof.ts";

/** What tells an entry from the others of its log. */
export type EntryKey = { readonly id: EntryId } | { readonly sequence: bigint };

/**
 * Decodes which entry a request is about.
 *
 * @throws AuditError INVALID_FIELD.
 */
export function decodeEntryKey(key: GetRequest["key"]): EntryKey {
  switch (key.case) {
    case "id": {
      const id = parseEntryId(key.value);
      if (id === undefined)
        throw invalidField("id", "must be log-{uuid} (lower-case and hyphenated)");
      return { id };
    }
    case "sequence":
      if (key.value < 1n || key.value > maxTreeSize) {
        throw invalidField("sequence", "must be from 1 to 2^63 - 1");
      }
      return { sequence: key.value };
    case undefined:
      throw invalidField("key", "`id` or `sequence` is required");
  }
}

/** What a caller is told of an entry that is not there, and of one that it may not read. */
export function entryNotFound(): AuditError {
  return new AuditError("ENTRY_NOT_FOUND", "there is no such entry");
}
