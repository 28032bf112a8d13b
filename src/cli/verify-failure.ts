/** Refusals of the verifier, as the command line reports them. */
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { Code, ConnectError } from "@connectrpc/connect";
import { ExportError } from "../client/export-verify.ts";
import { TlogProofError } from "../client/tlog-proof.ts";
import { VerificationError } from "../client/verify/fault.ts";
import { headline, UsageError, VerificationFailure } from "./failure.ts";

/**
 * Does what verifies something. A refusal becomes a VerificationFailure that names the fault and
 * the first bad sequence; two signed checkpoints that contradict each other are kept as files in
 * `stateDirectory`, whose names it tells.
 */
export async function verifying<T>(stateDirectory: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw await failureOf(error, stateDirectory);
  }
}

/** Whether an error says that a log is not what it claims to be: to go on is of no use. */
export function isAtFault(error: unknown): boolean {
  if (error instanceof ConnectError) return error.code === Code.DataLoss;
  return error instanceof VerificationError || error instanceof VerificationFailure;
}

async function failureOf(error: unknown, stateDirectory: string): Promise<unknown> {
  if (error instanceof TlogProofError) {
    return new VerificationFailure(`verification failed: ${error.message}`, { cause: error });
  }
  if (error instanceof ExportError) {
    const { message, cause } = error;
    const detail = cause instanceof VerificationError ? [faultLine(cause)] : [];
    const lines = [`verification failed: ${message}`, ...detail];
    return new VerificationFailure(lines.join("\n"), { cause: error });
  }
  // The server's own word that the log is not what it was.
  if (error instanceof ConnectError && error.code === Code.DataLoss) {
    return new VerificationFailure(`verification failed: ${headline(error)}`, { cause: error });
  }
  if (!(error instanceof VerificationError)) return error;
  const { fault, evidence, message } = error;
  if (fault === "key_malformed") return new UsageError(message, { cause: error });
  const lines = [
    `verification failed: ${message}`,
    faultLine(error),
    ...(evidence ? await keepEvidence(evidence, stateDirectory) : []),
  ];
  return new VerificationFailure(lines.join("\n"), { cause: error });
}

/**
 * What to say if the note that was remembered in a file does not verify: nothing against the log,
 * unless it is signed by a key that is not known any more. Other errors are given back.
 */
export function unusableMemory(error: unknown, path: string): unknown {
  if (!(error instanceof VerificationError) || error.fault !== "memory_unusable") return error;
  const { cause } = error;
  if (!(cause instanceof VerificationError && cause.fault === "unknown_key")) {
    return new UsageError(`${path} is damaged: restore it, or remove it to start afresh`, {
      cause,
    });
  }
  const lines = [
    "verification failed: the log was signed by another key when it was last seen",
    `  what was seen: ${path}`,
    "  if its operator confirms the new key, give both with --key",
  ];
  return new VerificationFailure(lines.join("\n"), { cause });
}

function faultLine({ fault, sequence }: VerificationError): string {
  return `  fault: ${fault}${sequence === undefined ? "" : `; first bad sequence: ${sequence}`}`;
}

/** Two notes with the operator's own signature under both prove that the log was rewritten. */
async function keepEvidence(
  { first, second }: NonNullable<VerificationError["evidence"]>,
  stateDirectory: string,
): Promise<string[]> {
  const directory = join(stateDirectory, "evidence");
  const time = new Date().toISOString().replace(/[-:]/g, "");
  const paths = ["seen-before", "given-now"].map((name) => join(directory, `${time}-${name}.note`));
  try {
    await mkdir(directory, { recursive: true, mode: 0o700 });
    for (const [i, note] of [first, second].entries()) {
      await writeFile(paths[i] ?? "", note, { flag: "wx", mode: 0o600 });
    }
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    const notes = [first, second].flatMap((note) => note.split("\n"));
    return [`  the evidence could not be kept (${reason}); keep these two notes:`, ...notes];
  }
  return [
    "  two signed checkpoints contradict each other; keep them, they are the evidence:",
    ...paths.map((path) => `    ${path}`),
  ];
}
