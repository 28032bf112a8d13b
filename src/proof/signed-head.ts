import type { TeamId } from "../ids.ts";
import { checkpointOrigin, formatCheckpoint } from "../log/checkpoint.ts";
import { type SigningKey, signNote } from "../log/signing-key.ts";
import type { TreeHead } from "../store/heads.ts";
import type { SignedHead } from "./checkpoint-store.ts";

/** Signs a head, whatever it is: whoever calls this has compared it with what was signed before. */
export function signHead(key: SigningKey, teamId: TeamId, { size, root }: TreeHead): SignedHead {
  if (root === undefined) throw new RangeError("a head without a root cannot be signed");
  const origin = checkpointOrigin(key.verifier.name, teamId);
  return { teamId, size, root, note: signNote(key, formatCheckpoint({ origin, size, root })) };
}
