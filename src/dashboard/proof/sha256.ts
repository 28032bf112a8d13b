import { sha256 as noble } from "@noble/hashes/sha2.js";
import type { Sha256 } from "../../log/merkle.ts";

/** SHA-256 in the page. WebCrypto's would make every leaf of a walk a promise. */
export const sha256: Sha256 = (...parts) =>
  parts.reduce((hash, part) => hash.update(part), noble.create()).digest();
