import type { HandlerContext } from "@connectrpc/connect";
import type { GetRequest } from "../../gen/audit/v1/audit_service_pb.ts";
import { readEntry } from "../store/entries.ts";
import { readableScopes, requestedTeam } from "./access.ts";
import { encodeEntry } from "./codec.ts";
import { decodeEntryKey, entryNotFound } from "./entry-key.ts";
import { authenticatedKey } from "./principal.ts";
import type { Services } from "./services.ts";

/** Reads one entry. */
export function get({ db }: Services) {
  return async (request: GetRequest, context: HandlerContext) => {
    const { principal } = context.values.get(authenticatedKey);
    const teamId = requestedTeam(principal, request.teamId);
    const readable = readableScopes(principal, teamId);
    const entry = await readEntry(db, teamId, decodeEntryKey(request.key));
    // What may not be read is answered as what is not there.
    if (entry === undefined || !readable.includes(entry.scope)) throw entryNotFound();
    return { entry: encodeEntry(entry) };
  };
}
