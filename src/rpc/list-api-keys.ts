import type { HandlerContext } from "@connectrpc/connect";
import { z } from "zod";
import type { ListApiKeysRequest } from "../../gen/audit/v1/key_service_pb.ts";
import { type ApiKeyId, isUuid } from "../ids.ts";
import { listKeys } from "../store/keys.ts";
import { requestedTeam, requireKeyAdmin } from "./access.ts";
import { encodeApiKey } from "./api-key-codec.ts";
import { pack } from "./cursor.ts";
import { decodePageSize } from "./list-query.ts";
import { parse } from "./page-token.ts";
import { authenticatedKey } from "./principal.ts";
import type { Services } from "./services.ts";

const tokenSchema = z.tuple([
  z.literal("k1"),
  z.custom<ApiKeyId>((value) => typeof value === "string" && isUuid(value)),
]);

/** Lists a team's API keys, newest first. */
export function listApiKeys({ db }: Services) {
  return async (request: ListApiKeysRequest, context: HandlerContext) => {
    const { principal } = context.values.get(authenticatedKey);
    const teamId = requestedTeam(principal, request.teamId);
    requireKeyAdmin(principal, teamId);
    const limit = decodePageSize(request.pageSize);
    const below = request.pageToken === "" ? undefined : parse(tokenSchema, request.pageToken)[1];
    const keys = await listKeys(db, teamId, below, limit + 1);
    const page = keys.slice(0, limit);
    const last = page.at(-1);
    return {
      apiKeys: page.map(encodeApiKey),
      nextPageToken: keys.length > limit && last !== undefined ? pack(["k1", last.id]) : "",
    };
  };
}
