import type { Logger } from "pino";
import type { CallSignal } from "../call-signal.ts";
import { AuditError, invalidField, sqlState } from "../errors.ts";
import { formatEntryId, type TeamId } from "../ids.ts";
import { ingestLimits } from "../limits.ts";
import { sameContent } from "../log/content.ts";
import type { Entry, NewEntry } from "../log/entry.ts";
import type { Appended, AppendOptions } from "../store/append.ts";
import { halves, withoutPutOff } from "./batch.ts";
import { BatchOrder } from "./batch-order.ts";
import { type Batch, type Call, type IngestLimits, type Lane, Queue } from "./queue.ts";

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
  /** Why a team's log must not be appended to just now; undefined if it may. */
  readonly refusal?: (teamId: TeamId) => Error | undefined;
  /** Only one team in a transaction, as a distributed database needs it. */
  readonly oneTeamPerTransaction?: boolean;
  readonly limits?: Partial<IngestLimits>;
}

/** Backoff after a transaction that failed for a passing reason; doubled each time, jittered. */
const retryDelayMs = { first: 20, most: 1_000 };
/**
 * A transaction costs the same however few entries it has, so one of `busyEntries` or more, which says
 * that many come, is left alone: another begins beside it once `waitingEntries` make it worth while, or
 * after `patienceMs`, as when it waits for a lock.
 */
const company = { busyEntries: 16, waitingEntries: 100, patienceMs: 50 };
/** How long a team whose head is held is left alone before it is tried again. */
const busyDelayMs = 50;
/** SQLSTATE classes that one entry's values cause: data exceptions, constraints, limits. */
const valueRefused = /^(22|23|54)/;
const lockNotAvailable = "55P03";
/** Ids are looked up and positions given under the head's lock: neither can be taken. */
const uniqueViolation = "23505";

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
  readonly #queue: Queue;
  readonly #maxTransactions: number;
  readonly #running = new Set<Running>();
  /** Transactions that failed in a row, and until when the next one waits for that. */
  #failures = 0;
  #pausedUntil = 0;
  #timer: NodeJS.Timeout | undefined;
  #pumping = false;
  #closed = false;

  constructor(options: GroupCommitOptions) {
    const limits = { ...ingestLimits, ...options.limits };
    this.#options = options;
    this.#maxTransactions = limits.transactions;
    this.#queue = new Queue(limits, options.metrics.queued);
  }

  /**
   * Records an entry: resolves with it as committed, or with the one first recorded under its id.
   * A call whose signal aborts leaves the queue if it is not in a transaction just then.
   *
   * @throws AuditError QUEUE_FULL, ID_CONFLICT, DEADLINE_EXCEEDED, DATABASE_UNAVAILABLE,
   *   SHUTTING_DOWN; INVALID_FIELD if the database refuses the entry itself; what the team's log is
   *   refused for.
   */
  async record(entry: NewEntry, signal: CallSignal): Promise<Entry> {
    return this.#enqueue(entry, signal);
  }

  /**
   * Answers a `record` for the entries of one batch, to be called for all of them in one turn of the
   * event loop. Within each team they are recorded in the order of the calls, whatever happens:
   * those behind one that is put off are put off with it, so that none overtakes it when it is sent
   * again. One that is invalid holds up none.
   */
  inOrder(signal: CallSignal): (entry: NewEntry) => Promise<Entry> {
    const order = new BatchOrder();
    const notTaken = new Map<TeamId, Promise<never>>();
    return (entry) => {
      const refusal = notTaken.get(entry.teamId);
      if (refusal !== undefined) return refusal;
      try {
        return this.#enqueue(entry, signal, order);
      } catch (error) {
        // There may be room for a smaller one behind it. Those before it go.
        const refused = Promise.reject<never>(error);
        notTaken.set(entry.teamId, refused);
        return refused;
      }
    };
  }

  #enqueue(entry: NewEntry, signal: CallSignal, order?: BatchOrder): Promise<Entry> {
    if (this.#closed) throw shuttingDown();
    const refusal = this.#options.refusal?.(entry.teamId);
    if (refusal !== undefined) throw refusal;
    const answer = this.#queue.add(entry, signal, order);
    // Calls that arrive in one turn of the event loop go together.
    if (!this.#pumping) {
      this.#pumping = true;
      queueMicrotask(() => {
        this.#pumping = false;
        this.#pump();
      });
    }
    return answer;
  }

  /**
   * Takes no more entries and resolves when all that were taken are answered; after `graceMs`
   * those still waiting are refused with SHUTTING_DOWN.
   */
  async close(graceMs: number): Promise<void> {
    this.#closed = true;
    const late = setTimeout(() => this.#queue.refuse(shuttingDown()), graceMs);
    await this.#queue.empty();
    clearTimeout(late);
    clearTimeout(this.#timer);
  }

  /** Begins transactions while they may and there are calls; else comes back when there may be. */
  #pump(): void {
    const now = performance.now();
    while (this.#running.size < this.#maxTransactions && now >= this.#mayBeginAt()) {
      const batch = this.#queue.take(now, this.#options.oneTeamPerTransaction ?? false);
      if (batch.length === 0) break;
      const entries = batch.reduce((sum, { calls }) => sum + calls.length, 0);
      const running = { entries, since: now };
      this.#running.add(running);
      void this.#commit(batch).finally(() => {
        this.#running.delete(running);
        this.#queue.release(batch);
        this.#pump();
      });
    }
    clearTimeout(this.#timer);
    const { nextAt } = this.#queue;
    if (nextAt === undefined || this.#running.size >= this.#maxTransactions) return;
    const delay = Math.max(nextAt, this.#mayBeginAt()) - now;
    this.#timer = setTimeout(() => this.#pump(), Math.max(1, delay));
  }

  /** When the next transaction may begin, by `performance.now()`. */
  #mayBeginAt(): number {
    let at = this.#pausedUntil;
    if (this.#running.size === 0 || this.#queue.holdsReady(company.waitingEntries)) return at;
    for (const { entries, since } of this.#running) {
      if (entries >= company.busyEntries) at = Math.max(at, since + company.patienceMs);
    }
    return at;
  }

  /** Commits a batch; afterwards each of its calls is answered or back in its lane. */
  async #commit(batch: Batch): Promise<void> {
    const { unanswered, cause } = await this.#attempt(batch);
    // From the back, so that a lane's calls come to its front in their order.
    for (const { lane, calls } of unanswered.toReversed()) this.#queue.putBack(lane, calls, cause);
  }

  /** Tries a batch in one transaction, or in halves if one of its entries makes it fail. */
  async #attempt(taken: Batch): Promise<Attempt> {
    const batch = withoutPutOff(taken);
    if (batch.length === 0) return { unanswered: [] };
    const entries = batch.flatMap(({ calls }) => calls.map(({ entry }) => entry));
    const suspects = batch.filter(({ lane }) => lane.suspect).map(({ lane }) => lane.teamId);
    const start = performance.now();
    let result: Appended;
    try {
      result = await this.#options.append(entries, { skipIfBusy: new Set(suspects) });
    } catch (error) {
      // A RangeError is a head that contradicts itself: nothing that another try would mend.
      const oneAtFault = valueRefused.test(sqlState(error)) || error instanceof RangeError;
      if (!oneAtFault) return this.#failed(batch, error);
      if (entries.length === 1) return this.#refused(batch, error);
      const [first, second] = halves(batch);
      const { unanswered, cause } = await this.#attempt(first);
      if (unanswered.length === 0) return this.#attempt(second);
      // A lane's later calls must not overtake its earlier ones.
      return { unanswered: [...unanswered, ...second], cause };
    }
    this.#failures = 0;
    this.#options.metrics.committed(result.appended.length, (performance.now() - start) / 1_000);
    const unanswered: Batch[number][] = [];
    for (const { lane, calls } of batch) {
      lane.suspect = result.busy.has(lane.teamId);
      if (lane.suspect) {
        lane.notBefore = performance.now() + busyDelayMs;
        unanswered.push({ lane, calls });
        continue;
      }
      const refusal = result.refused.get(lane.teamId);
      if (refusal !== undefined) {
        for (const call of calls) putOff(lane, call, refusal);
        continue;
      }
      const recorded = result.entries.get(lane.teamId);
      for (const call of calls) call.settle(answer(call.entry, recorded?.get(call.entry.id)));
    }
    if (result.appended.length > 0) this.#options.onAppended(result.appended);
    return { unanswered };
  }

  /** The transaction failed for a passing reason: the batch is tried again, with the same ids. */
  #failed(batch: Batch, error: unknown): Attempt {
    const { logger, metrics } = this.#options;
    metrics.retried();
    if (sqlState(error) === lockNotAvailable) {
      // Which heads are held, the next tries show, by waiting for none. Where one is there may be
      // more (a frozen replica held all of a batch), and each wait costs the others theirs.
      this.#queue.suspectAll();
    } else {
      this.#failures += 1;
      const delay = Math.min(retryDelayMs.most, retryDelayMs.first * 2 ** (this.#failures - 1));
      this.#pausedUntil = performance.now() + delay * (0.5 + Math.random() / 2);
    }
    logger.warn({ err: error, teams: batch.length }, "an append failed and is tried again");
    return { unanswered: batch, cause: error };
  }

  /** A batch of one entry that cannot be recorded. */
  #refused(batch: Batch, error: unknown): Attempt {
    this.#options.logger.error({ err: error }, "an entry cannot be recorded");
    const invalid = refusesValues(error);
    const refusal = invalid
      ? invalidField("entry", "the database refuses its values")
      : new AuditError("INTERNAL", "internal error", { cause: error });
    for (const { lane, calls } of batch) {
      for (const call of calls) {
        // What is invalid is not sent again, so nothing waits for it.
        if (invalid) call.settle(refusal);
        else putOff(lane, call, refusal);
      }
    }
    return { unanswered: [] };
  }
}

/** Whether it was a caller's values that PostgreSQL refused, not what Annals writes itself. */
function refusesValues(error: unknown): boolean {
  const table = error instanceof Error && "table" in error ? error.table : undefined;
  const own = sqlState(error) === uniqueViolation || (table ?? "audit_logs") !== "audit_logs";
  return valueRefused.test(sqlState(error)) && !own;
}

/** A transaction in flight: with how many calls it began, and when. */
interface Running {
  readonly entries: number;
  readonly since: number;
}

/** What an attempt leaves to be tried again, in its order, and why. */
interface Attempt {
  readonly unanswered: Batch;
  readonly cause?: unknown;
}

/** Ends a call that may be made again, and with it those behind it in its order. */
function putOff(lane: Lane, call: Call, refusal: Error): void {
  call.order?.putOff(lane.teamId, refusal);
  call.settle(refusal);
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
