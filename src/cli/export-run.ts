/** Reading a log into an export, from wherever an earlier run has left it. */
import type { AuditClient } from "../client/client.ts";
import type { ExportHeader } from "../client/export-lines.ts";
import type { StreamFields } from "../client/follow.ts";
import { isEntry, LogReader } from "../client/log-reader.ts";
import type { RetryOptions } from "../client/retry.ts";
import type { VerifiedCheckpoint } from "../client/verify/checkpoint.ts";
import { VerificationError } from "../client/verify/fault.ts";
import { base64, fromBase64 } from "../log/base64.ts";
import type { ExportFile, ExportState } from "./export-file.ts";
import type { ExportFormat } from "./export-format.ts";
import { proveAll } from "./export-proofs.ts";
import type { OpenLog } from "./open-log.ts";
import { warn } from "./output.ts";
import { isAtFault } from "./verify-failure.ts";
import { floorStart, missingBeginning } from "./verify-start.ts";
import { requireReached, step } from "./verify-step.ts";

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

/** What is written, and the state that goes with it. */
interface Step {
  readonly text: string;
  readonly state: ExportState;
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
  let state = file.saved ?? freshState(job);
  if (!file.saved) {
    await file.write(format.header(job.header));
    await file.save(state);
  }
  let savedAt = performance.now();
  let unsaved = 0;
  try {
    const steps = job.filter ? matching(job, job.filter, state) : everything(job, state);
    for await (const { text, state: reached } of steps) {
      await file.write(text);
      state = reached;
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

function freshState({ asked, log }: ExportJob): ExportState {
  return {
    ...asked,
    goal: log.checkpoint.note,
    cursor: "",
    last: "0",
    entries: 0,
    withheld: 0,
    hashes: [],
    unexplained: [],
  };
}

/**
 * Every position up to the goal. An entry whose details were erased, but whose erasure stands
 * behind the goal, calls for a later goal, as in `walkLog`.
 */
async function* everything(job: ExportJob, from: ExportState): AsyncGenerator<Step> {
  const { client, log, format, retry, onProgress } = job;
  const { verifier, teamId } = log;
  let state = from;
  let goal = await verifier.verifyCheckpoint(state.goal, teamId);
  const hashes = state.hashes.map((text) => fromBase64(text) ?? new Uint8Array());
  const { unexplained } = state;
  let walk = verifier.walk(teamId, { size: BigInt(state.last), hashes, unexplained });
  const options = { ...retry, teamId, cursor: state.cursor, after: walk.size };
  const reader = new LogReader(client.audit, options);
  for (let read = 0n; ; ) {
    for await (const { positions } of reader.readTo(goal.size)) {
      let text = "";
      const first = positions[0]?.sequence;
      if (walk.size === 0n && first !== undefined && first > 1n) {
        if (!job.allowPruned) throw missingBeginning(first - 1n);
        const start = await floorStart(client, teamId, first, retry);
        walk = verifier.walk(teamId, start);
        text = format.pruned(start);
      }
      for (const position of positions) step(walk, position);
      text += format.positions(positions.map((position) => ({ position })));
      const entries = positions.filter(isEntry).length;
      const reached = walk.state;
      state = {
        ...state,
        cursor: reader.cursor,
        last: String(walk.size),
        entries: state.entries + entries,
        withheld: state.withheld + positions.length - entries,
        hashes: reached.hashes.map(base64),
        unexplained: reached.unexplained ?? [],
      };
      yield { text, state };
      onProgress(walk.size, goal.size);
    }
    if (retry.signal.aborted) return;
    requireReached(walk, goal);
    const suspect = walk.unexplained;
    if (suspect === undefined || suspect <= read) break;
    read = walk.size;
    const newest = await log.newest();
    if (newest.size > goal.size) goal = newest;
    state = { ...state, goal: goal.note };
  }
  walk.finish(goal);
  yield { text: "", state };
}

/** What matches a filter up to the goal, each entry with its proof. */
async function* matching(
  job: ExportJob,
  filter: NonNullable<StreamFields["filter"]>,
  from: ExportState,
): AsyncGenerator<Step> {
  const { client, log, format, retry, onProgress } = job;
  let state = from;
  const goal = await log.verifier.verifyCheckpoint(state.goal, log.teamId);
  const after = BigInt(state.last);
  const options = { ...retry, teamId: log.teamId, filter, cursor: state.cursor, after };
  const reader = new LogReader(client.audit, options);
  for await (const { positions } of reader.readTo(goal.size)) {
    const entries = positions.filter(isEntry);
    let last = BigInt(state.last);
    for (const { sequence } of entries) {
      if (sequence <= last) throw new VerificationError("sequence_repeated", { sequence });
      last = sequence;
    }
    const proved = job.withProofs
      ? await proveAll(job, goal, entries)
      : entries.map((position) => ({ position }));
    state = {
      ...state,
      cursor: reader.cursor,
      last: String(last),
      entries: state.entries + entries.length,
    };
    yield { text: format.positions(proved), state };
    onProgress(last, goal.size);
  }
}
