import type { MessageInitShape } from "@bufbuild/protobuf";
import type { HandlerContext } from "@connectrpc/connect";
import {
  type CallerSchema,
  CallerType,
  type GetCallerRequest,
  TeamRole,
} from "../../gen/audit/v1/access_service_pb.ts";
import { formatTeamId } from "../ids.ts";
import { permissionsOf, requestedTeam } from "./access.ts";
import { encodeGrants } from "./api-key-codec.ts";
import { authenticatedKey, type Principal } from "./principal.ts";
import type { Services } from "./services.ts";
import { encodeTime, lastTime } from "./wire-time.ts";
import { scopes } from "./wire-words.ts";

/** Tells a caller who it is and what it may do in a team. */
export function getCaller({ notary }: Services) {
  return async (request: GetCallerRequest, context: HandlerContext) => {
    const { principal } = context.values.get(authenticatedKey);
    const teamId =
      request.teamId === "" ? principal.teamId : requestedTeam(principal, request.teamId);
    const { readableScopes, ...permissions } = permissionsOf(principal, teamId);
    return {
      caller: encodeCaller(principal),
      permissions: {
        ...permissions,
        readableScopes: readableScopes.map((scope) => scopes[scope]),
      },
      signsCheckpoints: notary !== undefined,
    };
  };
}

const types: Record<Principal["kind"], CallerType> = {
  user: CallerType.USER,
  api_key: CallerType.API_KEY,
  service: CallerType.SERVICE,
  platform_admin: CallerType.PLATFORM_ADMIN,
};
const roles = { member: TeamRole.MEMBER, admin: TeamRole.ADMIN, owner: TeamRole.OWNER } as const;

function encodeCaller(principal: Principal): MessageInitShape<typeof CallerSchema> {
  const { name, teamId, expiresAt } = principal;
  return {
    type: types[principal.kind],
    id: principal.id,
    ...(name !== undefined && { name }),
    ...(teamId !== undefined && { teamId: formatTeamId(teamId) }),
    ...("role" in principal && { role: roles[principal.role] }),
    ...("grants" in principal && { grants: encodeGrants(principal.grants) }),
    // A JWT may name any number as its end, also one that no calendar reaches.
    ...(expiresAt !== undefined &&
      expiresAt <= lastTime && { expireTime: encodeTime(Math.floor(expiresAt)) }),
  };
}
