/**
 * `@annals/client/verify`: checks what a server says of its logs, in Node and in browsers.
 *
 * @module verify
 */
export type { AuditEntry } from "../../gen/audit/v1/entry_pb.ts";
export type { InclusionProof } from "../log/proof.ts";
export { localStorageMemory, volatileMemory } from "./checkpoint-memory.ts";
export { type ProvedEntry, verifyTlogProof } from "./proof-verify.ts";
export { recordedFromJson } from "./recorded-json.ts";
export { TlogProofError } from "./tlog-proof.ts";
export type { VerifiedCheckpoint } from "./verify/checkpoint.ts";
export { type Fault, VerificationError } from "./verify/fault.ts";
export type { CheckpointMemory } from "./verify/memory.ts";
export { type ProveConsistency, Verifier, type VerifierOptions } from "./verify/verifier.ts";
export { LogWalk, type WalkReport, type WalkState } from "./verify/walk.ts";
