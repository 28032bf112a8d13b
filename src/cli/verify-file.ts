/** Checking an export without a server. */
import { createReadStream } from "node:fs";
import { stat } from "node:fs/promises";
import type { ExportReport } from "../client/export-body.ts";
import { verifyExport } from "../client/export-verify.ts";
import { plainJson } from "../client/plain-json.ts";
import { VerificationError } from "../client/verify/fault.ts";
import { Verifier } from "../client/verify/verifier.ts";
import { parseCheckpoint } from "../log/checkpoint.ts";
import { NoteError, parseNote } from "../log/note.ts";
import { equalBytes } from "../log/proof.ts";
import { sha256 } from "../log/sha256.ts";
import { CheckpointFiles } from "./checkpoint-file.ts";
import { UsageError } from "./failure.ts";
import { print } from "./output.ts";
import { Progress } from "./progress.ts";
import { requireKeys, stateDirectory, type TrustFlags } from "./verifier-keys.ts";
import { extentText, isWhole, requireOpened } from "./verify-extent.ts";
import { unusableMemory } from "./verify-failure.ts";
import { checkpointJson, checkpointLines, exportLines, reportText } from "./verify-report.ts";
import { missingBeginning } from "./verify-start.ts";

interface FileFlags extends TrustFlags {
  allowPruned?: boolean;
  requireOpened?: boolean;
  json?: boolean;
}

/** Verifies an export and says what it is; throws what `verifyExport` throws, and UsageError. */
export async function verifyFile(path: string, flags: FileFlags): Promise<void> {
  const known = await requireKeys(flags);
  const memory = new CheckpointFiles(await stateDirectory(flags));
  const verifier = new Verifier({ keys: known.keys, sha256 });
  const report = await verifyExport(await readWithProgress(path), verifier, {
    earlierSize: async (origin) => sizeOf(await memory.get(origin)),
  });
  const { header, checkpoint, opened, withheld, erased, pruned } = report;
  if (pruned > 0n && !flags.allowPruned) throw missingBeginning(pruned);
  if (flags.requireOpened) requireOpened(report);
  const before = await compare(report, verifier, memory);
  if (flags.json) {
    const { complete, filter } = header;
    const whole = complete && isWhole(report);
    const counts = { complete, whole, opened, withheld, erased, pruned: String(pruned), filter };
    await print(`${plainJson({ ...checkpointJson(checkpoint, known), ...counts })}\n`);
    return;
  }
  const headline = headlineOf(path, report);
  const lines = [...exportLines(report), ...checkpointLines(checkpoint, known)] as const;
  await print(reportText(headline, [...lines, ["before", before]]));
}

function headlineOf(path: string, report: ExportReport): string {
  const { header, checkpoint, erased } = report;
  const { origin, size } = checkpoint;
  if (!header.complete) {
    const asRecorded = erased === 0 ? ", as it was recorded" : "";
    return `each entry of ${path} is in the log ${origin}${asRecorded}`;
  }
  return isWhole(report) && size > 0n
    ? `${path} is the whole log ${origin}, unchanged, up to entry ${size}`
    : `${path}: ${extentText(report)}`;
}

/**
 * Holds the export's checkpoint against the one remembered of its log, as far as that can be done
 * without a server: the tree that a complete export spans has every earlier root in it.
 */
async function compare(
  { checkpoint, earlierRoot }: ExportReport,
  verifier: Verifier,
  memory: CheckpointFiles,
): Promise<string> {
  const { origin, teamId, note, size, root } = checkpoint;
  const remembered = await memory.get(origin);
  if (remembered === undefined) {
    await memory.replace(origin, undefined, note);
    return "nothing was remembered of the log";
  }
  const last = await verifier.verifyCheckpoint(remembered, teamId).catch((cause: unknown) => {
    const error = new VerificationError("memory_unusable", { cause });
    throw unusableMemory(error, memory.pathOf(origin));
  });
  const rootThen = last.size === size ? root : earlierRoot;
  if (rootThen === undefined) {
    return `not compared with the ${last.size} entries that were signed when it was last seen`;
  }
  if (!equalBytes(rootThen, last.root)) {
    const evidence = { first: remembered, second: note };
    throw new VerificationError(last.size === size ? "forked" : "inconsistent", { evidence });
  }
  // If another run has remembered more in the meantime, that stays.
  if (last.size < size) await memory.replace(origin, remembered, note);
  return `it goes on from the ${last.size} entries that were signed when it was last seen`;
}

function sizeOf(note: string | undefined): bigint | undefined {
  try {
    return note === undefined ? undefined : parseCheckpoint(parseNote(note).text).size;
  } catch (error) {
    if (error instanceof NoteError) return undefined;
    throw error;
  }
}

async function readWithProgress(path: string): Promise<AsyncIterable<Uint8Array>> {
  const found = await stat(path).catch((error: unknown) => {
    throw new UsageError(error instanceof Error ? error.message : String(error));
  });
  if (!found.isFile()) throw new UsageError(`${path} is not a file`);
  return chunksOf(path, found.size);
}

async function* chunksOf(path: string, size: number): AsyncGenerator<Uint8Array> {
  using progress = new Progress({ label: "verifying", unit: "MB" });
  let done = 0;
  for await (const chunk of createReadStream(path, { highWaterMark: 256 * 1024 })) {
    yield chunk as Buffer;
    done += (chunk as Buffer).length;
    progress.set(done / 1e6, size / 1e6);
  }
}
