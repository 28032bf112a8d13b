import { randomBytes, randomUUIDv7 } from "node:crypto";
import type { HandlerContext } from "@connectrpc/connect";
import type { CreateApiKeyRequest } from "../../gen/audit/v1/key_service_pb.ts";
import { invalidFields } from "../errors.ts";
import type { ApiKeyId } from "../ids.ts";
import { type ApiKey, insertKey, type NewApiKey } from "../store/keys.ts";
import type { Queryable } from "../store/pool.ts";
import { requestedTeam, requireKeyAdmin } from "./access.ts";
import { decodeGrants, encodeApiKey } from "./api-key-codec.ts";
import { apiKeyPrefix, secretHash } from "./authenticate.ts";
import { apiKeyCreated } from "./own-acts.ts";
import { authenticatedKey } from "./principal.ts";
import type { Services } from "./services.ts";
import { Violations } from "./text.ts";
import { decodeTime } from "./wire-time.ts";

/** Characters of a secret that are kept to recognise it by, its prefix included. */
const hintCharacters = apiKeyPrefix.length + 4;

/** Makes an API key; its creation is an entry of the same transaction. */
export function createApiKey({ act, makeId }: Services) {
  return async (request: CreateApiKeyRequest, context: HandlerContext) => {
    const { principal } = context.values.get(authenticatedKey);
    const teamId = requestedTeam(principal, request.teamId);
    requireKeyAdmin(principal, teamId);
    const violations = new Violations();
    violations.requiredText("name", request.name);
    const grants = decodeGrants(request.grants, violations);
    const expireTime =
      request.expireTime && decodeTime(request.expireTime, "expire_time", violations);
    if (expireTime !== undefined && expireTime <= Date.now()) {
      violations.add("expire_time", "must be in the future");
    }
    if (violations.found.length > 0) throw invalidFields(violations.found);

    const secret = apiKeyPrefix + randomBytes(32).toString("base64url");
    const key: NewApiKey = {
      id: randomUUIDv7() as ApiKeyId,
      teamId,
      name: request.name,
      grants,
      secretHash: secretHash(secret),
      secretHint: secret.slice(0, hintCharacters),
      ...(expireTime === undefined ? {} : { expireTime }),
    };
    let stored: ApiKey | undefined;
    const insert = async (session: Queryable) => {
      stored = await insertKey(session, key);
    };
    await act(apiKeyCreated(makeId(), principal, key), insert, context.signal);
    return { ...(stored === undefined ? {} : { apiKey: encodeApiKey(stored) }), secret };
  };
}
