/** Who somebody is and what they may do, in words. */
import { type Caller, CallerType, TeamRole } from "../../../gen/audit/v1/access_service_pb.ts";
import { ApiKeyGrant } from "../../../gen/audit/v1/key_service_pb.ts";

const types: Record<CallerType, string> = {
  [CallerType.UNSPECIFIED]: "a caller of a kind that this page does not know",
  [CallerType.USER]: "a person",
  [CallerType.API_KEY]: "an API key",
  [CallerType.SERVICE]: "a service of the platform",
  [CallerType.PLATFORM_ADMIN]: "a platform admin",
};
const roles: Record<TeamRole, string | undefined> = {
  [TeamRole.UNSPECIFIED]: undefined,
  [TeamRole.MEMBER]: "a member of the team",
  [TeamRole.ADMIN]: "an admin of the team",
  [TeamRole.OWNER]: "an owner of the team",
};

/** What somebody is. Example: `an admin of the team` */
export function roleWords({ type, role }: Pick<Caller, "type" | "role">): string {
  return (type === CallerType.USER ? roles[role] : undefined) ?? types[type] ?? types[0];
}

/** A grant of an API key or a service, and what it means. */
export interface GrantWords {
  readonly grant: ApiKeyGrant;
  readonly name: string;
  readonly meaning: string;
}

/** All grants, the smallest first. */
export const grantWords: readonly GrantWords[] = [
  {
    grant: ApiKeyGrant.READ,
    name: "Read the team's entries",
    meaning: "Those that every member may read. Not those for admins only.",
  },
  {
    grant: ApiKeyGrant.READ_ADMIN,
    name: "Read all entries",
    meaning: "Those for admins and owners only, too.",
  },
  {
    grant: ApiKeyGrant.RECORD_ANY_ACTOR,
    name: "Record what others did",
    meaning: "For a service that records for its users. Without it, a key records as itself only.",
  },
];

const short: Partial<Record<ApiKeyGrant, string>> = {
  [ApiKeyGrant.READ]: "reads the team's entries",
  [ApiKeyGrant.READ_ADMIN]: "reads all entries",
  [ApiKeyGrant.RECORD_ANY_ACTOR]: "records for anybody",
};

/** What grants come to. Example: `records as itself, reads all entries` */
export function grantsInWords(grants: readonly ApiKeyGrant[]): string {
  const readsAll = grants.includes(ApiKeyGrant.READ_ADMIN);
  const shown = grantWords
    .filter(({ grant }) => grants.includes(grant) && !(readsAll && grant === ApiKeyGrant.READ))
    .flatMap(({ grant }) => short[grant] ?? []);
  const recordsAny = grants.includes(ApiKeyGrant.RECORD_ANY_ACTOR);
  return [...(recordsAny ? [] : ["records as itself"]), ...shown].join(", ");
}
