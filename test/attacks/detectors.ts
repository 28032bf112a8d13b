import { ConnectError } from "@connectrpc/connect";
import { volatileMemory } from "../../src/client/checkpoint-memory.ts";
import { type AuditClient, createAuditClient } from "../../src/client/client.ts";
import { isEntry, LogReader } from "../../src/client/log-reader.ts";
import type { VerifiedCheckpoint } from "../../src/client/verify/checkpoint.ts";
import { VerificationError } from "../../src/client/verify/fault.ts";
import { Verifier } from "../../src/client/verify/verifier.ts";
import { describeRefusal } from "../support/refusal.ts";
import type { TestServer } from "../support/server.ts";

/** What somebody who looked has found. */
export interface Finding {
  /**
   * `fine`; `gone`, when the server says that there is no such entry; `refused`, when it says that
   * the log is not the one that was signed for or is damaged; or the verifier's fault.
   */
  readonly outcome: string;
  /** What was looked at until then: one who finds nothing must have looked. */
  readonly looked: Looked;
}

/** How much was looked at. */
export interface Looked {
  /** Size of the log that was signed for. */
  size?: bigint;
  /** Hashes of the inclusion proof. */
  inclusion?: number;
  /** Hashes of the consistency proof with what was remembered. */
  consistency?: number;
  opened?: number;
  erased?: number;
  withheld?: number;
}

/** What those who look start from: all that an ordinary client has. */
export interface Observed {
  readonly server: TestServer;
  readonly team: string;
  readonly verifierKey: string;
  /** The position that readers look at. */
  readonly sequence: bigint;
  /** The checkpoint that the reader with a memory remembers. */
  readonly remembered: string;
}

/** One who looks, with what he looks by. */
interface Viewer extends Observed {
  readonly client: AuditClient;
  /** Remembers `remembered`, should it be asked to remember. */
  readonly verifier: Verifier;
}

type Detector = (viewer: Viewer, looked: Looked) => Promise<unknown>;

/** Lets each of them look: reader, reader with a memory, admin who walks, member who walks. */
export async function lookAll(observed: Observed): Promise<readonly Finding[]> {
  const { server, team: teamId, verifierKey, remembered } = observed;
  const memory = volatileMemory();
  await memory.replace(remembered.slice(0, remembered.indexOf("\n")), undefined, remembered);
  const verifier = new Verifier({ keys: [verifierKey], memory });
  const clientOf = async (role: "admin" | "member") =>
    createAuditClient({ baseUrl: server.url, token: await server.jwt({ role, teamId }) });
  using admin = await clientOf("admin");
  using member = await clientOf("member");
  const asAdmin = { ...observed, verifier, client: admin };
  return [
    await look(read, asAdmin),
    await look(recallAndRead, asAdmin),
    await look(walk, asAdmin),
    await look(walk, { ...asAdmin, client: member }),
  ];
}

async function look(detector: Detector, viewer: Viewer): Promise<Finding> {
  const looked: Looked = {};
  const outcome = await outcomeOf(detector(viewer, looked));
  return { outcome, looked };
}

/**
 * How looking ends.
 *
 * @throws whatever is no word on the log, such as a bug.
 */
export async function outcomeOf(looking: Promise<unknown>): Promise<string> {
  try {
    await looking;
    return "fine";
  } catch (error) {
    if (error instanceof VerificationError) return error.fault;
    if (!(error instanceof ConnectError)) throw error;
    const { reason, message } = describeRefusal(error);
    if (reason === "ENTRY_NOT_FOUND") return "gone";
    if (reason?.startsWith("LOG_CONTRADICTS_")) return "refused";
    throw new Error(`unexpected: ${reason} ${message}`, { cause: error });
  }
}

/** Verifies one entry, without a memory. */
async function read(viewer: Viewer, looked: Looked): Promise<void> {
  const { client, verifier, team: teamId, sequence } = viewer;
  const key = { case: "sequence", value: sequence } as const;
  const { entry } = await client.audit.get({ teamId, key });
  if (entry === undefined) throw new Error("the answer has no entry");
  // Asked for after the entry was read, so that the entry must be in its tree.
  const checkpoint = await newest(viewer, looked);
  const treeSize = checkpoint.size;
  const proof =
    sequence > treeSize
      ? { leafIndex: sequence - 1n, treeSize, hashes: [] }
      : await client.proofs.getInclusionProof({ teamId, key, treeSize });
  looked.inclusion = proof.hashes.length;
  verifier.verifyEntry(entry, proof, checkpoint);
}

/** Verifies that the log is the one that is remembered, and then one entry. */
async function recallAndRead(viewer: Viewer, looked: Looked): Promise<void> {
  const { client, verifier, team: teamId } = viewer;
  const checkpoint = await newest(viewer, looked);
  await verifier.remember(checkpoint, async (fromSize, toSize) => {
    try {
      const { hashes } = await client.proofs.getConsistencyProof({ teamId, fromSize, toSize });
      looked.consistency = hashes.length;
      return hashes;
    } catch (error) {
      if (describeRefusal(error).code === "out_of_range") return undefined;
      throw error;
    }
  });
  await read(viewer, looked);
}

/** Verifies the whole log, without a memory. */
async function walk(viewer: Viewer, looked: Looked): Promise<void> {
  const { client, verifier, team: teamId } = viewer;
  const checkpoint = await newest(viewer, looked);
  const signal = AbortSignal.timeout(20_000);
  const reader = new LogReader(client.audit, { teamId, signal, maxFailures: 1 });
  const progress = verifier.walk(teamId);
  for await (const { positions } of reader.readTo(checkpoint.size)) {
    for (const position of positions) {
      if (isEntry(position)) progress.addEntry(position);
      else progress.addWithheld(position);
    }
  }
  const { opened, erased, withheld } = progress.finish(checkpoint);
  Object.assign(looked, { opened, erased, withheld });
}

async function newest(
  { client, verifier, team }: Viewer,
  looked: Looked,
): Promise<VerifiedCheckpoint> {
  const { checkpoint } = await client.proofs.getCheckpoint({ teamId: team });
  const verified = await verifier.verifyCheckpoint(checkpoint, team);
  looked.size = verified.size;
  return verified;
}
