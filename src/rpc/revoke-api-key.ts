import type { HandlerContext } from "@connectrpc/connect";
import type { RevokeApiKeyRequest } from "../../gen/audit/v1/key_service_pb.ts";
import { AuditError, invalidField } from "../errors.ts";
import { type ApiKeyId, parseApiKeyId, type TeamId } from "../ids.ts";
import { type ApiKey, readKey, revokeKey } from "../store/keys.ts";
import type { Queryable } from "../store/pool.ts";
import { requestedTeam, requireKeyAdmin } from "./access.ts";
import { encodeApiKey } from "./api-key-codec.ts";
import { apiKeyRevoked } from "./own-acts.ts";
import { authenticatedKey } from "./principal.ts";
import type { Services } from "./services.ts";

/** Another call has revoked the key meanwhile; rolls this one's transaction back. */
class AlreadyRevoked extends Error {}

/** Revokes an API key; its revocation is an entry of the same transaction. */
export function revokeApiKey({ db, act, makeId }: Services) {
  return async (request: RevokeApiKeyRequest, context: HandlerContext) => {
    const { principal } = context.values.get(authenticatedKey);
    const teamId = requestedTeam(principal, request.teamId);
    requireKeyAdmin(principal, teamId);
    const id = parseApiKeyId(request.id);
    if (id === undefined)
      throw invalidField("id", "must be key-{uuid} (lower-case and hyphenated)");

    let key = await requireKey(db, teamId, id);
    if (key.revokeTime === undefined) {
      try {
        const revoke = async (session: Queryable) => {
          if ((await revokeKey(session, teamId, id)) === undefined) throw new AlreadyRevoked();
        };
        await act(apiKeyRevoked(makeId(), principal, key), revoke, context.signal);
      } catch (error) {
        if (!(error instanceof AlreadyRevoked)) throw error;
      }
      key = await requireKey(db, teamId, id);
    }
    return { apiKey: encodeApiKey(key) };
  };
}

async function requireKey(db: Queryable, teamId: TeamId, id: ApiKeyId): Promise<ApiKey> {
  const key = await readKey(db, teamId, id);
  if (key === undefined) throw new AuditError("API_KEY_NOT_FOUND", "the team has no such API key");
  return key;
}
