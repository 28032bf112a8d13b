import type { Logger } from "pino";
import {
  AuditError,
  databaseUnavailable,
  deadlineExceeded,
  invalidField,
  isDatabaseUnavailable,
  sqlState,
} from "../errors.ts";
import { formatEntryId, type TeamId } from "../ids.ts";
import { ingestLimits } from "../limits.ts";
import { sameContent } from "../log/content.ts";
import type { Entry, NewEntry } from "../log/entry.ts";
import type { Appended, AppendOptions } from "../store/append.ts";

/** What the group commit needs of the world. */
export interface GroupCommitOptions {
  /** One transaction; see `append` in the store. */
  readonly append: (entries: readonly NewEntry[], options?: AppendOptions) => Promise<Appended>;
  /** Hears of entries right after their COMMIT, by team in the order of their sequences. */
  readonly onAppended: (entries: readonly Entry[]) => void;
  readonly logger: Logger;
  readonly metrics: {
    queued(entries: number, bytes: number): void;
    committed(entries: number, seconds: number): void;
    retried(): void;
  };
  /** Only one team in a transaction, as a distributed database needs it. */
  readonly oneTeamPerTransaction?: boolean;
  readonly limits?: Partial<Record<keyof typeof ingestLimits, number>>;
}

/** A call waiting for its entry. */
interface Pending {
  readonly entry: NewEntry;
  readonly signal: AbortSignal;
  settled: boolean;
  settle(outcome: Entry | Error): void;
}

/** One team's queue. */
interface Lane {
  readonly teamId: TeamId;
  readonly pending: Pending[];
  /** Entries and bytes of the lane, those in flight included. */
  entries: number;
  bytes: number;
  inFlight: boolean;
  /** Its head was held by someone else: it is not waited for again, but tried. */
  suspect: boolean;
  /** Not before this time, by `performance.now()`. */
  notBefore: number;
}

/** Backoff after a transaction that failed for a passing reason; doubled each time, jittered. */
const retryDelayMs = { first: 20, most: 1_000 };
const busyDelayMs = 50;
/** SQLSTATE classes that one entry's values cause: data exceptions, constraints, limits. */
const entryAtFault = /^(22|23|54)/;
const lockNotAvailable = "55P03";

/**
 * Gathers concurrent calls into transactions. While transactions are in flight calls queue up,
 * by team and in order of arrival; a free slot takes what is there at once, so that an idle
 * service has no delay and a busy one large batches. A team is in at most one transaction, so a
 * caller's order holds.
 *
 * `record` resolves only after COMMIT. After a crash of this process or of the database in
 * between, an entry may have been committed without an answer: the same id finds it.
 */
export class GroupCommit {
  readonly #options: GroupCommitOptions;
  readonly #limits: Record<keyof typeof ingestLimits, number>;
  readonly #lanes = new Map<TeamId, Lane>();
  /** Lanes with something to do, longest waiting first. */
  readonly #ready: Lane[] = [];
  #entries = 0;
  #bytes = 0;
  #transactions = 0;
  #failures = 0;
  #pausedUntil = 0;
  #timer: NodeJS.Timeout | undefined;
  #idle: (() => void) | undefined;
  #closed = false;
  #givenUp = false;

  constructor(options: GroupCommitOptions) {
    this.#options = options;
    this.#limits = { ...ingestLimits, ...options.limits };
  }

  /**
   * Records an entry: resolves with it as committed, or with the one first recorded under its id.
   * A call whose signal aborts leaves the queue if it is not in a transaction just then.
   *
   * @throws AuditError QUEUE_FULL, ID_CONFLICT, DEADLINE_EXCEEDED, DATABASE_UNAVAILABLE,
   *   SHUTTING_DOWN; INVALID_FIELD if the database refuses the entry itself.
   */
  record(entry: NewEntry, signal: AbortSignal): Promise<Entry> {
    if (this.#closed) return Promise.reject(shuttingDown());
    if (signal.aborted) return Promise.reject(givenUp(signal));
    const lane = this.#lane(entry.teamId);
    const full = this.#full(lane, entry);
    if (full !== undefined) {
      this.#forget(lane);
      return Promise.reject(full);
    }
    return new Promise((resolve, reject) => {
      const onAbort = () => this.#abandon(lane, pending);
      const pending: Pending = {
        entry,
        signal,
        settled: false,
        settle: (outcome) => {
          pending.settled = true;
          signal.removeEventListener("abort", onAbort);
          this.#count(lane, entry, -1);
          if (outcome instanceof Error) reject(outcome);
          else resolve(outcome);
        },
      };
      signal.addEventListener("abort", onAbort, { once: true });
      this.#count(lane, entry, 1);
      lane.pending.push(pending);
      if (lane.pending.length === 1 && !lane.inFlight) this.#ready.push(lane);
      // Calls that arrive in one turn of the event loop go together.
      queueMicrotask(() => this.#pump());
    });
  }

  /**
   * Takes no more entries and resolves when all that were taken are settled; after `graceMs`
   * those still waiting are refused with SHUTTING_DOWN.
   */
  async close(graceMs: number): Promise<void> {
    this.#closed = true;
    if (this.#entries > 0) {
      const late = setTimeout(() => this.#giveUp(), graceMs);
      await new Promise<void>((resolve) => {
        this.#idle = resolve;
      });
      clearTimeout(late);
    }
    clearTimeout(this.#timer);
  }

  #giveUp(): void {
    this.#givenUp = true;
    for (const lane of [...this.#lanes.values()]) {
      for (const call of lane.pending.splice(0)) call.settle(shuttingDown());
    }
    this.#ready.length = 0;
  }

  #lane(teamId: TeamId): Lane {
    let lane = this.#lanes.get(teamId);
    if (lane === undefined) {
      lane = {
        teamId,
        pending: [],
        entries: 0,
        bytes: 0,
        inFlight: false,
        suspect: false,
        notBefore: 0,
      };
      this.#lanes.set(teamId, lane);
    }
    return lane;
  }

  #full(lane: Lane, entry: NewEntry): AuditError | undefined {
    const { queueEntries, queueBytes, teamShare } = this.#limits;
    const over = (entries: number, bytes: number, share: number) =>
      entries + 1 > queueEntries * share || bytes + entry.bytes > queueBytes * share;
    const limit = over(this.#entries, this.#bytes, 1)
      ? "ingest_queue"
      : over(lane.entries, lane.bytes, teamShare)
        ? "ingest_queue_team"
        : undefined;
    if (limit === undefined) return undefined;
    return new AuditError("QUEUE_FULL", "too many entries are waiting to be recorded", {
      metadata: { limit },
      retryDelayMs: 1_000,
    });
  }

  #count(lane: Lane, entry: NewEntry, sign: 1 | -1): void {
    lane.entries += sign;
    lane.bytes += sign * entry.bytes;
    this.#entries += sign;
    this.#bytes += sign * entry.bytes;
    this.#options.metrics.queued(this.#entries, this.#bytes);
    this.#forget(lane);
    if (this.#entries === 0) this.#idle?.();
  }

  #forget(lane: Lane): void {
    if (lane.entries === 0 && !lane.inFlight) this.#lanes.delete(lane.teamId);
  }

  #abandon(lane: Lane, pending: Pending): void {
    const index = lane.pending.indexOf(pending);
    if (index === -1) return;
    lane.pending.splice(index, 1);
    if (lane.pending.length === 0 && !lane.inFlight)
      this.#ready.splice(this.#ready.indexOf(lane), 1);
    pending.settle(givenUp(pending.signal));
  }

  #pump(): void {
    const now = performance.now();
    while (this.#transactions < this.#limits.transactions && now >= this.#pausedUntil) {
      const batch = this.#takeBatch(now);
      if (batch.length === 0) break;
      this.#transactions += 1;
      void this.#commit(batch).finally(() => {
        this.#transactions -= 1;
        this.#pump();
      });
    }
    this.#wakeLater(now);
  }

  /** If all that waits must wait on, comes back when the first may go. */
  #wakeLater(now: number): void {
    clearTimeout(this.#timer);
    if (this.#ready.length === 0 || this.#transactions >= this.#limits.transactions) return;
    const first = Math.min(...this.#ready.map((lane) => lane.notBefore));
    const delay = Math.max(first, this.#pausedUntil) - now;
    this.#timer = setTimeout(() => this.#pump(), Math.max(1, delay));
  }

  /** Takes entries of ready lanes in turn, up to the limits of a transaction. */
  #takeBatch(now: number): Batch {
    const { transactionEntries, transactionBytes } = this.#limits;
    const batch: Batch = [];
    let entries = 0;
    let bytes = 0;
    const waiting: Lane[] = [];
    while (this.#ready.length > 0 && entries < transactionEntries && bytes < transactionBytes) {
      const lane = this.#ready.shift() as Lane;
      if (lane.notBefore > now) {
        waiting.push(lane);
        continue;
      }
      let count = 0;
      for (const { entry } of lane.pending) {
        if (entries === transactionEntries) break;
        if (entries > 0 && bytes + entry.bytes > transactionBytes) break;
        count += 1;
        entries += 1;
        bytes += entry.bytes;
      }
      if (count === 0) {
        waiting.push(lane);
        break;
      }
      lane.inFlight = true;
      batch.push({ lane, calls: lane.pending.splice(0, count) });
      if (this.#options.oneTeamPerTransaction) break;
    }
    this.#ready.unshift(...waiting);
    return batch;
  }

  /** Commits a batch; whatever happens, each of its calls is settled or back in its lane. */
  async #commit(batch: Batch): Promise<void> {
    await this.#attempt(batch);
    for (const { lane } of batch) {
      lane.inFlight = false;
      if (lane.pending.length > 0) this.#ready.push(lane);
      this.#forget(lane);
    }
  }

  async #attempt(batch: Batch): Promise<void> {
    const entries = distinctEntries(batch);
    const suspects = batch.filter(({ lane }) => lane.suspect).map(({ lane }) => lane.teamId);
    const start = performance.now();
    let result: Appended;
    try {
      result = await this.#options.append(entries, { skipIfBusy: new Set(suspects) });
    } catch (error) {
      if (!entryAtFault.test(sqlState(error))) this.#retryLater(batch, error);
      else if (entries.length === 1) this.#refuse(batch, error);
      else for (const half of halves(batch)) await this.#attempt(half);
      return;
    }
    this.#failures = 0;
    this.#options.metrics.committed(result.appended.length, (performance.now() - start) / 1_000);
    if (result.appended.length > 0) this.#options.onAppended(result.appended);
    for (const { lane, calls } of batch) {
      lane.suspect = result.busy.has(lane.teamId);
      if (lane.suspect) {
        this.#putBack(lane, calls, busyDelayMs);
        continue;
      }
      const recorded = result.entries.get(lane.teamId);
      for (const call of calls) call.settle(answer(call.entry, recorded?.get(call.entry.id)));
    }
  }

  /** Puts a batch back whole, to be tried again with the same ids. */
  #retryLater(batch: Batch, error: unknown): void {
    const { logger, metrics } = this.#options;
    metrics.retried();
    const held = sqlState(error) === lockNotAvailable;
    // If a head is held, the next tries show which, by waiting for none of the batch's.
    for (const { lane } of batch) lane.suspect ||= held;
    if (!held) {
      this.#failures += 1;
      const delay = Math.min(retryDelayMs.most, retryDelayMs.first * 2 ** (this.#failures - 1));
      this.#pausedUntil = performance.now() + delay * (0.5 + Math.random() / 2);
    }
    logger.warn({ err: error, teams: batch.length }, "an append failed and is tried again");
    for (const { lane, calls } of batch) this.#putBack(lane, calls, 0, error);
  }

  /** The database refused the value of one entry. */
  #refuse(batch: Batch, error: unknown): void {
    this.#options.logger.error({ err: error }, "the database refused an entry");
    const refusal = invalidField("entry", "the database refuses its values");
    for (const { calls } of batch) for (const call of calls) call.settle(refusal);
  }

  /** Back to the front of the lane, but for calls that have been given up meanwhile. */
  #putBack(lane: Lane, calls: readonly Pending[], delayMs: number, cause?: unknown): void {
    lane.notBefore = performance.now() + delayMs;
    lane.pending.unshift(...calls.filter((call) => !call.signal.aborted && !this.#givenUp));
    for (const call of calls) {
      if (call.signal.aborted) call.settle(givenUp(call.signal, cause));
      else if (this.#givenUp) call.settle(shuttingDown());
    }
  }
}

/** The calls of a transaction, by lane and in their order. */
type Batch = { lane: Lane; calls: Pending[] }[];

/** The entries of a batch, those under one id only once: the first. */
function distinctEntries(batch: Batch): NewEntry[] {
  return batch.flatMap(({ calls }) => {
    const byId = new Map<string, NewEntry>();
    for (const { entry } of calls) if (!byId.has(entry.id)) byId.set(entry.id, entry);
    return [...byId.values()];
  });
}

/** A batch in two, each call's place kept. */
function halves(batch: Batch): [Batch, Batch] {
  let left = Math.ceil(batch.reduce((sum, { calls }) => sum + calls.length, 0) / 2);
  const first: Batch = [];
  const second: Batch = [];
  for (const { lane, calls } of batch) {
    const taken = calls.slice(0, left);
    left -= taken.length;
    if (taken.length > 0) first.push({ lane, calls: taken });
    if (taken.length < calls.length) second.push({ lane, calls: calls.slice(taken.length) });
  }
  return [first, second];
}

function answer(entry: NewEntry, recorded: Entry | undefined): Entry | Error {
  if (recorded === undefined) return new Error("an entry is missing from its own transaction");
  if (sameContent(entry, recorded)) return recorded;
  const id = formatEntryId(entry.id);
  return new AuditError("ID_CONFLICT", `${id} was recorded with other content`, {
    metadata: { id },
  });
}

function shuttingDown(): AuditError {
  return new AuditError("SHUTTING_DOWN", "the server is shutting down");
}

/** Why a call that is no longer waited for ends. */
function givenUp(signal: AbortSignal, cause?: unknown): Error {
  if (isDatabaseUnavailable(cause)) return databaseUnavailable(cause);
  return signal.reason instanceof Error ? signal.reason : deadlineExceeded();
}
