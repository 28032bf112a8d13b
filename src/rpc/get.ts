import type { HandlerContext } from "@connectrpc/connect";
import type { GetRequest } from "../../gen/audit/v1/audit_service_pb.ts";
import { AuditError, invalidField } from "../errors.ts";
import { parseEntryId } from "../ids.ts";
import { readEntry } from "../store/entries.ts";
import { readableScopes, requestedTeam } from "./access.ts";
import { encodeEntry } from "./codec.ts";
import { authenticatedKey } from "./principal.ts";
import type { Services } from "./services.ts";

const maxSequence = 2n ** 63n - 1n;

/** Reads one entry. */
export function get({ db }: Services) {
  return async (request: GetRequest, context: HandlerContext) => {
    const { principal } = context.values.get(authenticatedKey);
    const teamId = requestedTeam(principal, request.teamId);
    const readable = readableScopes(principal, teamId);
    const entry = await readEntry(db, teamId, decodeKey(request));
    // What may not be read is answered as what is not there.
    if (entry === undefined || !readable.includes(entry.scope)) {
      throw new AuditError("ENTRY_NOT_FOUND", "there is no such entry");
    }
    return { entry: encodeEntry(entry) };
  };
}

function decodeKey({ key }: GetRequest) {
  switch (key.case) {
    case "id": {
      const id = parseEntryId(key.value);
      if (id === undefined)
        throw invalidField("id", "must be log-{uuid} (lower-case and hyphenated)");
      return { id };
    }
    case "sequence":
      if (key.value < 1n || key.value > maxSequence) {
        throw invalidField("sequence", "must be from 1 to 2^63 - 1");
      }
      return { sequence: key.value };
    case undefined:
      throw invalidField("key", "`id` or `sequence` is required");
  }
}
