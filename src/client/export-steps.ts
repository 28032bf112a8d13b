/** Reading a log into an export, step by step, from wherever an earlier try has left it. */
import type { Timestamp } from "@bufbuild/protobuf/wkt";
import { base64, fromBase64 } from "../log/base64.ts";
import type { Sha256 } from "../log/merkle.ts";
import type { AuditCalls } from "./audit-calls.ts";
import type { ExportFormat } from "./export-format.ts";
import { proveAll } from "./export-proofs.ts";
import type { StreamFields } from "./follow.ts";
import { logFloor } from "./log-floor.ts";
import { isEntry, LogReader } from "./log-reader.ts";
import type { RetryOptions } from "./retry.ts";
import type { VerifiedCheckpoint } from "./verify/checkpoint.ts";
import { VerificationError } from "./verify/fault.ts";
import type { Verifier } from "./verify/verifier.ts";
import { step } from "./walk-step.ts";

/** How far an export is: what it takes to go on, besides what was written. */
export interface ExportReach {
  /** The checkpoint that it is to reach: a signed note. */
  readonly goal: string;
  /** A position of the stream at or before what was written last; empty for the beginning. */
  readonly cursor: string;
  /** The last sequence that was written or passed over, in decimal. */
  readonly last: string;
  readonly entries: number;
  readonly withheld: number;
  /** The frontier of the tree up to there in base64, of a complete export. */
  readonly hashes: readonly string[];
  /** Erased entries that were written and whose erasure was not, as `WalkState` has them. */
  readonly unexplained: readonly string[];
}

/** What to write next, and how far the export is with it. */
export interface ExportStep {
  readonly text: string;
  readonly reach: ExportReach;
  /** How far the log has been read, and how far it is to be: sequences. */
  readonly done: bigint;
  readonly total: bigint;
  /** When the last entry in the text was recorded; absent if it has none. */
  readonly time?: Timestamp | undefined;
}

/** What is exported, and how. */
export interface ExportSource {
  readonly client: Pick<AuditCalls, "audit" | "proofs">;
  readonly log: {
    readonly verifier: Verifier;
    readonly teamId: string;
    /** Asks for the newest checkpoint, and verifies it. */
    newest(): Promise<VerifiedCheckpoint>;
  };
  readonly format: ExportFormat;
  /** Only what matches; absent for a complete export. */
  readonly filter?: StreamFields["filter"];
  /** Prove each entry of a filtered export. */
  readonly withProofs: boolean;
  readonly retry: RetryOptions;
  readonly sha256: Sha256;
  /** Told how many of the log's first entries are not there; throws unless that is right. */
  readonly onPruned: (pruned: bigint) => void;
  /** Throws if a log that ends with entry `size` lacks what was signed for. */
  readonly requireReached: (walk: { size: bigint }, signed: VerifiedCheckpoint) => void;
}

/** Where an export begins that is to reach a checkpoint. */
export function beginning(goal: string): ExportReach {
  return {
    ...{ goal, cursor: "", last: "0", entries: 0, withheld: 0 },
    ...{ hashes: [], unexplained: [] },
  };
}

/**
 * What is between header and end, checking all that goes by. Ends early, without an error, when the
 * signal is aborted.
 *
 * @throws VerificationError, ConnectError; what `onPruned` and `requireReached` throw.
 */
export function exportSteps(source: ExportSource, from: ExportReach): AsyncGenerator<ExportStep> {
  return source.filter ? matching(source, source.filter, from) : everything(source, from);
}

/**
 * Every position up to the goal. An entry whose details were erased, but whose erasure stands
 * behind the goal, calls for a later goal, as in a walk over the log.
 */
async function* everything(source: ExportSource, from: ExportReach): AsyncGenerator<ExportStep> {
  const { client, log, format, retry } = source;
  const { verifier, teamId } = log;
  let reach = from;
  let goal = await verifier.verifyCheckpoint(reach.goal, teamId);
  const hashes = reach.hashes.map((text) => fromBase64(text) ?? new Uint8Array());
  const { unexplained } = reach;
  let walk = verifier.walk(teamId, { size: BigInt(reach.last), hashes, unexplained });
  const options = { ...retry, teamId, cursor: reach.cursor, after: walk.size };
  const reader = new LogReader(client.audit, options);
  for (let read = 0n; ; ) {
    for await (const { positions } of reader.readTo(goal.size)) {
      let text = "";
      const first = positions[0]?.sequence;
      if (walk.size === 0n && first !== undefined && first > 1n) {
        source.onPruned(first - 1n);
        const start = await logFloor(client, teamId, first, retry, source.sha256);
        walk = verifier.walk(teamId, start);
        text = format.pruned(start);
      }
      for (const position of positions) step(walk, position);
      text += format.positions(positions.map((position) => ({ position })));
      const entries = positions.filter(isEntry);
      const reached = walk.state;
      reach = {
        ...reach,
        cursor: reader.cursor,
        last: String(walk.size),
        entries: reach.entries + entries.length,
        withheld: reach.withheld + positions.length - entries.length,
        hashes: reached.hashes.map(base64),
        unexplained: reached.unexplained ?? [],
      };
      const time = entries.at(-1)?.recordTime;
      yield { text, reach, time, done: walk.size, total: goal.size };
    }
    if (retry.signal.aborted) return;
    source.requireReached(walk, goal);
    const suspect = walk.unexplained;
    if (suspect === undefined || suspect <= read) break;
    read = walk.size;
    const newest = await log.newest();
    if (newest.size > goal.size) goal = newest;
    reach = { ...reach, goal: goal.note };
  }
  walk.finish(goal);
  yield { text: "", reach, done: walk.size, total: goal.size };
}

/** What matches a filter up to the goal, each entry with its proof. */
async function* matching(
  source: ExportSource,
  filter: NonNullable<StreamFields["filter"]>,
  from: ExportReach,
): AsyncGenerator<ExportStep> {
  const { client, log, format, retry } = source;
  let reach = from;
  const goal = await log.verifier.verifyCheckpoint(reach.goal, log.teamId);
  const after = BigInt(reach.last);
  const options = { ...retry, teamId: log.teamId, filter, cursor: reach.cursor, after };
  const reader = new LogReader(client.audit, options);
  for await (const { positions } of reader.readTo(goal.size)) {
    const entries = positions.filter(isEntry);
    let last = BigInt(reach.last);
    for (const { sequence } of entries) {
      if (sequence <= last) throw new VerificationError("sequence_repeated", { sequence });
      last = sequence;
    }
    const proved = source.withProofs
      ? await proveAll(source, goal, entries)
      : entries.map((position) => ({ position }));
    reach = {
      ...reach,
      cursor: reader.cursor,
      last: String(last),
      entries: reach.entries + entries.length,
    };
    const text = format.positions(proved);
    yield { text, reach, time: entries.at(-1)?.recordTime, done: last, total: goal.size };
  }
}
