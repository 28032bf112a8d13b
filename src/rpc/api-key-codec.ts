import type { MessageInitShape } from "@bufbuild/protobuf";
import { ApiKeyGrant, type ApiKeySchema } from "../../gen/audit/v1/key_service_pb.ts";
import { formatApiKeyId, formatTeamId } from "../ids.ts";
import type { ApiKey, Grant } from "../store/keys.ts";
import type { Violations } from "./text.ts";
import { encodeTime } from "./wire-time.ts";

const wireGrants: Record<Grant, ApiKeyGrant> = {
  read: ApiKeyGrant.READ,
  read_admin: ApiKeyGrant.READ_ADMIN,
  record_any_actor: ApiKeyGrant.RECORD_ANY_ACTOR,
};

/** The grants of a key to make, each once. */
export function decodeGrants(grants: readonly ApiKeyGrant[], violations: Violations): Grant[] {
  const names = new Map(Object.entries(wireGrants).map(([name, wire]) => [wire, name as Grant]));
  const decoded = new Set<Grant>();
  for (const [i, grant] of grants.entries()) {
    const name = names.get(grant);
    if (name === undefined) violations.add(`grants[${i}]`, `is not a grant: ${grant}`);
    else decoded.add(name);
  }
  return [...decoded];
}

/** Grants on the wire. */
export function encodeGrants(grants: readonly Grant[]): ApiKeyGrant[] {
  return grants.map((grant) => wireGrants[grant]);
}

/** An API key on the wire. */
export function encodeApiKey(key: ApiKey): MessageInitShape<typeof ApiKeySchema> {
  return {
    id: formatApiKeyId(key.id),
    teamId: formatTeamId(key.teamId),
    name: key.name,
    grants: encodeGrants(key.grants),
    createTime: encodeTime(key.createTime),
    ...(key.expireTime === undefined ? {} : { expireTime: encodeTime(key.expireTime) }),
    ...(key.revokeTime === undefined ? {} : { revokeTime: encodeTime(key.revokeTime) }),
    ...(key.lastUseTime === undefined ? {} : { lastUseTime: encodeTime(key.lastUseTime) }),
    secretHint: key.secretHint,
  };
}
