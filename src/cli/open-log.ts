/** A team's log with its newest checkpoint, verified and held against what was seen before. */
import { Code, ConnectError } from "@connectrpc/connect";
import type { AuditClient } from "../client/client.ts";
import { type RetryOptions, retrying } from "../client/retry.ts";
import type { VerifiedCheckpoint } from "../client/verify/checkpoint.ts";
import { VerificationError } from "../client/verify/fault.ts";
import { Verifier } from "../client/verify/verifier.ts";
import { parseTeamId } from "../ids.ts";
import { sha256 } from "../log/sha256.ts";
import { CheckpointFiles } from "./checkpoint-file.ts";
import { serverUrl } from "./connection.ts";
import { UsageError, VerificationFailure } from "./failure.ts";
import { warn } from "./output.ts";
import { plainText } from "./plain-text.ts";
import {
  type KnownKeys,
  knownKeys,
  stateDirectory,
  type TrustFlags,
  trustKey,
} from "./verifier-keys.ts";
import { unusableMemory } from "./verify-failure.ts";

/** A log that can be asked for checkpoints. */
export interface OpenLog {
  readonly verifier: Verifier;
  readonly memory: CheckpointFiles;
  readonly teamId: string;
  /** The log as it was signed: the largest of what the server gave and what was remembered. */
  readonly checkpoint: VerifiedCheckpoint;
  /** What was remembered of it before; undefined at first sight. */
  readonly before: VerifiedCheckpoint | undefined;
  /** The keys that verify it. */
  readonly known: KnownKeys;
  /** Asks for the newest checkpoint, verifies and remembers it; likewise the larger one. */
  newest(): Promise<VerifiedCheckpoint>;
}

/**
 * Opens a log: verifies its newest checkpoint, demands that it goes on from the one remembered, and
 * remembers it. The first call is not tried again, so that a missing server is told at once.
 *
 * @throws VerificationError, VerificationFailure, UsageError, ConnectError.
 */
export async function openLog(
  client: AuditClient,
  flags: TrustFlags & { team?: string },
  retry: RetryOptions,
): Promise<OpenLog> {
  const memory = new CheckpointFiles(await stateDirectory(flags));
  const known = await knownKeys(flags);
  const first = await client.proofs.getCheckpoint({ teamId: flags.team ?? "" });
  const teamId = flags.team || claimedTeam(first.checkpoint);
  const trusted = known ?? { keys: [first.verifierKey], source: "trusted on first use" };
  if (!known) requireSound(first.verifierKey);
  const verifier = new Verifier({ keys: trusted.keys, memory, sha256 });

  const proveConsistency = async (fromSize: bigint, toSize: bigint) => {
    try {
      const ask = () => client.proofs.getConsistencyProof({ teamId, fromSize, toSize });
      return (await retrying(ask, retry)).hashes;
    } catch (error) {
      if (error instanceof ConnectError && error.code === Code.OutOfRange) return undefined;
      throw error;
    }
  };
  const accept = async (note: string, verifierKey: string) => {
    const checkpoint = await verifier.verifyCheckpoint(note, teamId).catch((error: unknown) => {
      throw known ? explainUnknownKey(error, known, verifierKey) : error;
    });
    const before = await verifier.remember(checkpoint, proveConsistency).catch((error: unknown) => {
      throw unusableMemory(error, memory.pathOf(checkpoint.origin));
    });
    // A server that gives an older one has yet to show all that was signed by then.
    const isOlder = before !== undefined && before.size > checkpoint.size;
    return { checkpoint: isOlder ? before : checkpoint, before };
  };

  const { checkpoint, before } = await accept(first.checkpoint, first.verifierKey);
  if (!known) await warnOfFirstUse(flags, first.verifierKey);
  if (!flags.team) await requireSameTeam(memory, flags, teamId);
  return {
    ...{ verifier, memory, teamId, checkpoint, before, known: trusted },
    async newest() {
      const answer = await retrying(() => client.proofs.getCheckpoint({ teamId }), retry);
      return (await accept(answer.checkpoint, answer.verifierKey)).checkpoint;
    },
  };
}

/** Whoever names no team must not be given another one's log, as whole as that may be. */
async function requireSameTeam(
  memory: CheckpointFiles,
  flags: TrustFlags,
  teamId: string,
): Promise<void> {
  const usual = await memory.team(serverUrl(flags).origin, teamId);
  if (usual === teamId) return;
  throw new UsageError(
    `without --team the server gives the log of ${teamId}, and it was that of ${usual} at first: ` +
      "say with --team which one is meant",
  );
}

/** A key of the server's that is none is its fault, not the caller's. */
function requireSound(verifierKey: string): void {
  try {
    new Verifier({ keys: [verifierKey], sha256 });
  } catch (error) {
    if (!(error instanceof VerificationError)) throw error;
    throw new VerificationFailure(`verification failed: ${error.message}`, { cause: error });
  }
}

/** The team that a note of an unknown team says it is of: the credential's own. */
function claimedTeam(note: string): string {
  const team = note.split("\n", 1)[0]?.split("/").at(-1) ?? "";
  if (parseTeamId(team) !== undefined) return team;
  throw new VerificationFailure("verification failed: the checkpoint's origin names no team");
}

function explainUnknownKey(error: unknown, known: KnownKeys, verifierKey: string): unknown {
  if (!(error instanceof VerificationError) || error.fault !== "unknown_key") return error;
  const lines = [
    "verification failed: the log is signed by another key than the known one",
    ...known.keys.map((key) => `  known (${known.source}): ${key}`),
    `  the server says:  ${plainText(verifierKey)}`,
    "  if its operator confirms the new key, give both with --key",
  ];
  return new VerificationFailure(lines.join("\n"), { cause: error });
}

async function warnOfFirstUse(flags: TrustFlags, verifierKey: string): Promise<void> {
  const path = await trustKey(flags, verifierKey);
  warn(
    "annals: WARNING: no verifier key was known, so the one that the server itself gives is trusted:",
    `annals:   ${plainText(verifierKey)}`,
    "annals: compare it with the one that its operator publishes, or give that with --key;",
    `annals: from now on no other is accepted from this address (${path})`,
  );
}
