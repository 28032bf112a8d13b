import type { HandlerContext } from "@connectrpc/connect";
import type { GetConsistencyProofRequest } from "../../gen/audit/v1/proof_service_pb.ts";
import { invalidField } from "../errors.ts";
import { consistencyHashes } from "../proof/tree.ts";
import { readHead } from "../store/heads.ts";
import { readableScopes, requestedTeam } from "./access.ts";
import { authenticatedKey } from "./principal.ts";
import type { Services } from "./services.ts";
import { decodeTreeSize, requireReached } from "./tree-size.ts";

/** Proves that a team's tree of one size begins with that of another. */
export function getConsistencyProof({ db }: Services) {
  return async (request: GetConsistencyProofRequest, context: HandlerContext) => {
    const { principal } = context.values.get(authenticatedKey);
    const teamId = requestedTeam(principal, request.teamId);
    // For its refusals: a proof shows hashes of the whole log, whatever the scopes.
    readableScopes(principal, teamId);
    const fromSize = decodeTreeSize("from_size", request.fromSize);
    const asked = decodeTreeSize("to_size", request.toSize);
    if (fromSize === 0n) throw invalidField("from_size", "must be at least 1");
    if (asked !== 0n && asked < fromSize) {
      throw invalidField("to_size", "must be at least from_size");
    }
    const { end } = await readHead(db, teamId);
    const toSize = asked === 0n ? end.sequence : asked;
    requireReached(toSize > fromSize ? toSize : fromSize, end.sequence);
    const hashes = await consistencyHashes(db, teamId, fromSize, toSize);
    return { hashes: hashes as Uint8Array<ArrayBuffer>[], toSize };
  };
}
