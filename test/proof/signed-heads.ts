import { createHash } from "node:crypto";
import type { TeamId } from "../../src/ids.ts";
import { checkpointOrigin, formatCheckpoint } from "../../src/log/checkpoint.ts";
import { type SigningKey, signNote } from "../../src/log/signing-key.ts";
import type { SignedHead } from "../../src/proof/checkpoint-store.ts";

/** A signed head of a log that is not there; `log` tells logs apart. */
export function headOf(key: SigningKey, teamId: TeamId, size: bigint, log = ""): SignedHead {
  const root = new Uint8Array(createHash("sha256").update(`${log}/${size}`).digest());
  const origin = checkpointOrigin(key.verifier.name, teamId);
  return { teamId, size, root, note: signNote(key, formatCheckpoint({ origin, size, root })) };
}
