import type { HandlerContext } from "@connectrpc/connect";
import type { GetCheckpointRequest } from "../../gen/audit/v1/proof_service_pb.ts";
import { AuditError } from "../errors.ts";
import type { Notary } from "../proof/notary.ts";
import { readableScopes, requestedTeam } from "./access.ts";
import { authenticatedKey } from "./principal.ts";
import type { Services } from "./services.ts";

/** Answers with a signed checkpoint of a team's log as it is committed now. */
export function getCheckpoint(services: Services) {
  return async (request: GetCheckpointRequest, context: HandlerContext) => {
    const { principal } = context.values.get(authenticatedKey);
    const teamId = requestedTeam(principal, request.teamId);
    // For its refusals: a checkpoint is of the whole log, whatever the scopes.
    readableScopes(principal, teamId);
    const notary = requireNotary(services);
    const { note } = await notary.checkpoint(teamId, context.signal);
    return { checkpoint: note, verifierKey: notary.verifierKey };
  };
}

/** @throws AuditError CHECKPOINTS_DISABLED if the server has no key to sign with. */
export function requireNotary({ notary }: Services): Notary {
  if (notary !== undefined) return notary;
  throw new AuditError("CHECKPOINTS_DISABLED", "this server signs no checkpoints");
}
