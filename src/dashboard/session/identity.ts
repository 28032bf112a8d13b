/** Whether two credentials are the same person with the same rights. */
import type { Caller } from "../../../gen/audit/v1/access_service_pb.ts";

/**
 * Equal for callers to whom the server shows the same: what was read for one may stay on the screen
 * of the other. A name or an end of validity makes no difference.
 */
export function identityOf({ type, id, teamId, role, grants }: Caller): string {
  return JSON.stringify([type, id, teamId, role, grants.toSorted()]);
}
