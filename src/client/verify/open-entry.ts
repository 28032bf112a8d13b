import type { AuditEntry } from "../../../gen/audit/v1/entry_pb.ts";
import { hasDetails } from "../../log/entry.ts";
import { detailsDigest, leafHash, saltBytes } from "../../log/leaf.ts";
import type { Sha256 } from "../../log/merkle.ts";
import { equalBytes } from "../../log/proof.ts";
import { type RecordedEntry, recordedEntry } from "../recorded-entry.ts";
import { orFault, VerificationError } from "./fault.ts";

/** Checks all that a reader sees of an entry, but its position, against its leaf hash. */
export function openEntry(sha256: Sha256, message: AuditEntry): RecordedEntry {
  const at = { sequence: message.sequence };
  return orFault(
    () => {
      const entry = recordedEntry(message);
      const { details, detailsState, detailsSalt: salt } = entry;
      const isErased = detailsState === "erased";
      if (
        hasDetails(details) !== (detailsState === "present") ||
        // Of another length, it could hold a part of what belongs to the details.
        salt.length !== (isErased ? 0 : saltBytes) ||
        !(isErased || equalBytes(detailsDigest(sha256, salt, details), entry.detailsDigest))
      ) {
        throw new VerificationError("details_mismatch", at);
      }
      if (equalBytes(leafHash(sha256, entry), entry.leafHash)) return entry;
      throw new VerificationError("leaf_mismatch", at);
    },
    "entry_malformed",
    at,
  );
}
