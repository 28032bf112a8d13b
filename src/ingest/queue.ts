import type { CallSignal } from "../call-signal.ts";
import {
  AuditError,
  databaseUnavailable,
  deadlineExceeded,
  isDatabaseUnavailable,
} from "../errors.ts";
import type { TeamId } from "../ids.ts";
import type { ingestLimits } from "../limits.ts";
import type { Entry, NewEntry } from "../log/entry.ts";
import type { BatchOrder } from "./batch-order.ts";

/** The limits of a queue; by default those of `limits.ts`. */
export type IngestLimits = Record<keyof typeof ingestLimits, number>;

/** A call waiting for its entry. */
export interface Call {
  readonly entry: NewEntry;
  readonly signal: CallSignal;
  /** Of the batch that it came in, if it came in one. */
  readonly order: BatchOrder | undefined;
  /** Answers the call and counts it out. */
  settle(outcome: Entry | Error): void;
  /** What a call that came alone hears of its signal with. */
  onAbort?: () => void;
}

/** One team's calls, first in, first out. */
export interface Lane {
  readonly teamId: TeamId;
  readonly waiting: Call[];
  /** Entries and bytes of the lane, those in flight included. */
  entries: number;
  bytes: number;
  /** Batches with calls of it: two if one is sent behind the other. */
  inFlight: number;
  /** Its head was held by someone else: it is not waited for again, but tried. */
  suspect: boolean;
  /** A batch with calls of it failed behind another, and is to be tried for itself. */
  notBehind: boolean;
  /** Not before this time, by `performance.now()`. */
  notBefore: number;
}

/** The calls of a batch, which end when their one signal aborts, and their lanes. */
interface SignalledCalls {
  readonly lanes: Map<Call, Lane>;
  readonly onAbort: () => void;
}

/** The calls of a transaction, by lane and in their order. */
export type Batch = readonly { readonly lane: Lane; readonly calls: readonly Call[] }[];

/**
 * The calls that wait to be recorded, a lane for each team. A lane is in at most one batch at a
 * time, and in the one that is sent behind that, so that a caller's order holds; lanes take turns.
 */
export class Queue {
  readonly #limits: IngestLimits;
  readonly #onChange: (entries: number, bytes: number) => void;
  readonly #lanes = new Map<TeamId, Lane>();
  /**
   * The calls of the signal of each batch, which would go through its listeners for each of them. Weak,
   * since a Map keeps what has passed through it until it is collected as a whole, and signals are many.
   */
  readonly #signals = new WeakMap<CallSignal, SignalledCalls>();
  /** Lanes with calls waiting and none in flight, longest waiting first. */
  #ready: Lane[] = [];
  #entries = 0;
  #bytes = 0;
  #refusal: Error | undefined;
  #onEmpty: (() => void) | undefined;
  #changed = false;

  constructor(limits: IngestLimits, onChange: (entries: number, bytes: number) => void) {
    this.#limits = limits;
    this.#onChange = onChange;
  }

  /**
   * Queues an entry; the promise is its call's answer. If the signal aborts while it waits, the
   * call leaves the queue and ends with the signal's reason. Calls that share a signal share an order:
   * without one each listens for itself.
   *
   * @throws AuditError QUEUE_FULL, at once.
   */
  add(entry: NewEntry, signal: CallSignal, order?: BatchOrder): Promise<Entry> {
    if (signal.aborted) throw whyGivenUp(signal);
    const lane = this.#lanes.get(entry.teamId) ?? emptyLane(entry.teamId);
    this.#requireRoom(lane, entry);
    const { promise, resolve, reject } = Promise.withResolvers<Entry>();
    const call: Call = {
      entry,
      signal,
      order,
      settle: (outcome) => {
        this.#unlisten(call);
        this.#count(lane, entry, -1);
        if (outcome instanceof Error) reject(outcome);
        else resolve(outcome);
      },
    };
    this.#listen(call, lane);
    this.#lanes.set(lane.teamId, lane);
    this.#count(lane, entry, 1);
    if (lane.waiting.push(call) === 1 && lane.inFlight === 0) this.#ready.push(lane);
    return promise;
  }

  /**
   * Takes calls of ready lanes in turn, up to the limits of a transaction. What is to be sent behind a batch
   * in flight may be of its lanes too.
   */
  take(now: number, oneLane: boolean, ahead?: Batch): Batch {
    const { transactionEntries, transactionBytes } = this.#limits;
    const batch: { lane: Lane; calls: Call[] }[] = [];
    let entries = 0;
    let bytes = 0;
    for (const lane of this.#takable(now, ahead)) {
      let count = 0;
      for (const { entry } of lane.waiting) {
        // Of a team whose head may be held, one call is enough to find out.
        if (entries === transactionEntries || (lane.suspect && count === 1)) break;
        if (entries > 0 && bytes + entry.bytes > transactionBytes) break;
        count += 1;
        entries += 1;
        bytes += entry.bytes;
      }
      if (count === 0) break;
      lane.inFlight += 1;
      lane.notBehind = false;
      batch.push({ lane, calls: lane.waiting.splice(0, count) });
      if (oneLane || (lane.waiting.length > 0 && !lane.suspect)) break;
    }
    this.#ready = this.#ready.filter(({ inFlight }) => inFlight === 0);
    return batch;
  }

  /**
   * The lanes whose turn it is. Behind a batch none comes after one that is not to go behind another: else
   * that would wait as long as others go on being sent so.
   */
  #takable(now: number, ahead?: Batch): Lane[] {
    const lanes: Lane[] = [];
    for (const lane of this.#ready) {
      if (lane.notBefore > now) continue;
      if (ahead !== undefined && (lane.suspect || lane.notBehind)) return lanes;
      lanes.push(lane);
    }
    for (const { lane } of ahead ?? []) {
      if (lane.waiting.length > 0) lanes.push(lane);
    }
    return lanes;
  }

  /**
   * Back to the front of the lane, to be taken again; calls that have been given up meanwhile
   * end, for the cause if it was the database.
   */
  putBack(lane: Lane, calls: readonly Call[], cause?: unknown): void {
    const wanted = calls.filter(({ signal }) => !signal.aborted && this.#refusal === undefined);
    lane.waiting.unshift(...wanted);
    for (const call of calls) {
      if (call.signal.aborted) call.settle(whyGivenUp(call.signal, cause));
      else if (this.#refusal !== undefined) call.settle(this.#refusal);
    }
  }

  /** From now on the head of every team that has calls is tried before it is waited for. */
  suspectAll(): void {
    for (const lane of this.#lanes.values()) lane.suspect = true;
  }

  /** A batch's transaction is over: its lanes may be taken again. */
  release(batch: Batch): void {
    for (const { lane } of batch) {
      lane.inFlight -= 1;
      if (lane.waiting.length > 0 && lane.inFlight === 0) this.#ready.push(lane);
      this.#forget(lane);
    }
  }

  /** When the first waiting lane may be taken, by `performance.now()`; undefined if none waits. */
  get nextAt(): number | undefined {
    let first: number | undefined;
    for (const { notBefore } of this.#ready) {
      if (first === undefined || notBefore < first) first = notBefore;
    }
    return first;
  }

  /** Whether so many calls wait in the lanes whose turn it is. */
  holds(calls: number, now: number, ahead?: Batch): boolean {
    let held = 0;
    for (const { waiting } of this.#takable(now, ahead)) {
      held += waiting.length;
      if (held >= calls) return true;
    }
    return false;
  }

  /** Resolves when every call has been answered. */
  async empty(): Promise<void> {
    if (this.#entries === 0) return;
    await new Promise<void>((resolve) => {
      this.#onEmpty = resolve;
    });
  }

  /** Ends every waiting call with the refusal, and those in flight if they would wait again. */
  refuse(refusal: Error): void {
    this.#refusal = refusal;
    this.#ready = [];
    for (const lane of [...this.#lanes.values()]) {
      for (const call of lane.waiting.splice(0)) call.settle(refusal);
    }
  }

  #requireRoom(lane: Lane, entry: NewEntry): void {
    const { queueEntries, queueBytes, teamShare } = this.#limits;
    const over = (entries: number, bytes: number, share: number) =>
      entries + 1 > queueEntries * share || bytes + entry.bytes > queueBytes * share;
    const full = over(this.#entries, this.#bytes, 1);
    if (!full && !over(lane.entries, lane.bytes, teamShare)) return;
    throw new AuditError("QUEUE_FULL", "too many entries are waiting to be recorded", {
      metadata: { limit: full ? "ingest_queue" : "ingest_queue_team" },
      retryDelayMs: 1_000,
    });
  }

  #listen(call: Call, lane: Lane): void {
    if (call.order === undefined) {
      // Not assigned as it is written: V8 allocates such functions in the old space (docs/decisions/0024).
      const onAbort = () => this.#abandon(lane, call);
      call.onAbort = onAbort;
      call.signal.addEventListener("abort", onAbort);
      return;
    }
    const known = this.#signals.get(call.signal);
    if (known !== undefined) {
      known.lanes.set(call, lane);
      return;
    }
    const lanes = new Map([[call, lane]]);
    const onAbort = () => {
      for (const [waiting, of] of lanes) this.#abandon(of, waiting);
    };
    this.#signals.set(call.signal, { lanes, onAbort });
    call.signal.addEventListener("abort", onAbort);
  }

  #unlisten(call: Call): void {
    if (call.onAbort !== undefined) {
      call.signal.removeEventListener("abort", call.onAbort);
      return;
    }
    const calls = this.#signals.get(call.signal);
    calls?.lanes.delete(call);
    if (calls?.lanes.size !== 0) return;
    call.signal.removeEventListener("abort", calls.onAbort);
    this.#signals.delete(call.signal);
  }

  #abandon(lane: Lane, call: Call): void {
    const index = lane.waiting.indexOf(call);
    // In a transaction: it is recorded, though nobody waits for the answer.
    if (index === -1) return;
    lane.waiting.splice(index, 1);
    if (lane.waiting.length === 0) this.#ready = this.#ready.filter((other) => other !== lane);
    call.settle(whyGivenUp(call.signal));
  }

  #count(lane: Lane, entry: NewEntry, sign: 1 | -1): void {
    lane.entries += sign;
    lane.bytes += sign * entry.bytes;
    this.#entries += sign;
    this.#bytes += sign * entry.bytes;
    this.#tell();
    this.#forget(lane);
    if (this.#entries === 0) this.#onEmpty?.();
  }

  /** Once for all that comes or goes in one turn of the event loop. */
  #tell(): void {
    if (this.#changed) return;
    this.#changed = true;
    queueMicrotask(() => {
      this.#changed = false;
      this.#onChange(this.#entries, this.#bytes);
    });
  }

  #forget(lane: Lane): void {
    if (lane.entries === 0 && lane.inFlight === 0) this.#lanes.delete(lane.teamId);
  }
}

function emptyLane(teamId: TeamId): Lane {
  return {
    teamId,
    waiting: [],
    entries: 0,
    bytes: 0,
    inFlight: 0,
    suspect: false,
    notBehind: false,
    notBefore: 0,
  };
}

/** Why a call that is no longer waited for ends. */
function whyGivenUp(signal: CallSignal, cause?: unknown): Error {
  if (isDatabaseUnavailable(cause)) return databaseUnavailable(cause);
  return signal.reason instanceof Error ? signal.reason : deadlineExceeded();
}
