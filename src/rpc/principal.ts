import { createContextKey, type HandlerContext } from "@connectrpc/connect";
import type { CallSignal } from "../call-signal.ts";
import type { TeamId } from "../ids.ts";
import type { Millis } from "../log/entry.ts";
import type { Grant } from "../store/keys.ts";
import type { TurnOwner } from "../store/turns.ts";

interface Caller {
  /** `usr-{uuid}`, `key-{uuid}` or a service's own name. */
  readonly id: string;
  readonly name?: string;
  /** When the credential stops being valid by itself. */
  readonly expiresAt?: Millis;
}

/** Who is calling, from the credential. */
export type Principal =
  | (Caller & {
      readonly kind: "user";
      readonly teamId: TeamId;
      readonly role: "member" | "admin" | "owner";
    })
  | (Caller & { readonly kind: "platform_admin"; readonly teamId?: TeamId })
  | (Caller & {
      readonly kind: "service";
      readonly teamId?: TeamId;
      readonly grants: readonly Grant[];
    })
  | (Caller & {
      readonly kind: "api_key";
      readonly name: string;
      readonly teamId: TeamId;
      readonly grants: readonly Grant[];
    });

/** Tells principals apart. */
export function principalKey({ kind, teamId, id }: Principal): string {
  return `${kind} ${teamId ?? ""} ${id}`;
}

/** Whose turns a principal's are: users and keys share their team's, whoever reads for many has their own. */
export function turnOwner(principal: Principal): TurnOwner {
  const member = principalKey(principal);
  const isOfTeam = principal.kind === "user" || principal.kind === "api_key";
  return { team: isOfTeam ? principal.teamId : member, member };
}

/** A principal, and a way to ask again whether its credential still holds. */
export interface Authenticated {
  readonly principal: Principal;
  /** @throws AuditError UNAUTHENTICATED once the credential has expired or was revoked. */
  recheck(): Promise<void>;
}

const unset: Authenticated = {
  get principal(): Principal {
    throw new Error("the principal was read before authentication");
  },
  recheck: () => Promise.reject(new Error("there is no credential to check")),
};

/** What a unary handler needs of its call: who is calling, and when nobody waits any more. */
export interface CallContext {
  readonly values: Pick<HandlerContext["values"], "get">;
  readonly signal: CallSignal;
}

/** The authenticated caller, for handlers. Reading it before authentication throws. */
export const authenticatedKey = createContextKey<Authenticated>(unset, {
  description: "authenticated caller",
});
