/** Reading a log into an export, from wherever an earlier run has left it. */
import type { AuditClient } from "../client/client.ts";
import type { ExportFormat } from "../client/export-format.ts";
import type { ExportHeader } from "../client/export-lines.ts";
import { beginning, exportSteps } from "../client/export-steps.ts";
import type { StreamFields } from "../client/follow.ts";
import type { RetryOptions } from "../client/retry.ts";
import type { VerifiedCheckpoint } from "../client/verify/checkpoint.ts";
import { sha256 } from "../log/sha256.ts";
import type { ExportFile, ExportState } from "./export-file.ts";
import type { OpenLog } from "./open-log.ts";
import { warn } from "./output.ts";
import { isAtFault } from "./verify-failure.ts";
import { missingBeginning } from "./verify-start.ts";
import { requireReached } from "./verify-step.ts";

/** An export to be made, or gone on with. */
export interface ExportJob {
  readonly client: AuditClient;
  readonly log: OpenLog;
  readonly file: ExportFile;
  readonly format: ExportFormat;
  readonly header: ExportHeader;
  /** Only what matches; absent for a complete export. */
  readonly filter?: StreamFields["filter"];
  /** Prove each entry of a filtered export. */
  readonly withProofs: boolean;
  /** Go on if the log's first entries are not there. */
  readonly allowPruned: boolean;
  /** What was asked for; how far an earlier run has come is the file's. */
  readonly asked: Pick<ExportState, "asked" | "filter">;
  readonly retry: RetryOptions;
  readonly onProgress: (done: bigint, total: bigint) => void;
}

/** What was exported. */
export interface ExportResult {
  readonly checkpoint: VerifiedCheckpoint;
  readonly entries: number;
  readonly withheld: number;
  /** Entries at the beginning that are not there, of a complete export. */
  readonly pruned: bigint;
}

/** What a crash may cost: so much time or so many UTF-16 units of text. */
const saveEvery = { ms: 2_000, length: 4 * 1024 * 1024 };

/**
 * Exports up to the goal, checking all that goes by, and finishes the file. How far it is, is saved
 * now and then, and when it ends before it is done: by an error, or the signal. If the log is at
 * fault nothing is left to go on with.
 *
 * @throws VerificationError, VerificationFailure, ConnectError; the signal's reason.
 */
export async function runExport(job: ExportJob): Promise<ExportResult> {
  const { file, format, log, retry } = job;
  let state = file.saved ?? { ...job.asked, ...beginning(log.checkpoint.note) };
  if (!file.saved) {
    await file.write(format.header(job.header));
    await file.save(state);
  }
  let savedAt = performance.now();
  let unsaved = 0;
  try {
    const onPruned = (pruned: bigint) => {
      if (!job.allowPruned) throw missingBeginning(pruned);
    };
    const source = { ...job, sha256, onPruned, requireReached };
    for await (const { text, reach, done, total } of exportSteps(source, state)) {
      await file.write(text);
      state = { ...job.asked, ...reach };
      job.onProgress(done, total);
      unsaved += text.length;
      if (performance.now() - savedAt < saveEvery.ms && unsaved < saveEvery.length) continue;
      await file.save(state);
      savedAt = performance.now();
      unsaved = 0;
    }
    retry.signal.throwIfAborted();
    const checkpoint = await log.verifier.verifyCheckpoint(state.goal, log.teamId);
    // Refused if it was rolled back while it was read: it may have held more.
    await log.newest();
    const { entries, withheld } = state;
    await file.finish(format.end({ checkpoint: state.goal, entries, withheld }));
    const pruned = job.filter ? 0n : checkpoint.size - BigInt(entries + withheld);
    return { checkpoint, entries, withheld, pruned };
  } catch (error) {
    const kept = isAtFault(error) ? file.discard() : file.save(state);
    // It must not stand in for the first error. What was saved before is no worse to go on from.
    await kept.catch((reason: unknown) => {
      const why = reason instanceof Error ? reason.message : String(reason);
      warn(`annals: ${file.part} and its state stay as they were: ${why}`);
    });
    throw error;
  }
}
