import type { Logger } from "pino";
import type { CallSignal } from "../call-signal.ts";
import { AuditError, invalidField, sqlState } from "../errors.ts";
import { formatEntryId, type TeamId } from "../ids.ts";
import { ingestLimits } from "../limits.ts";
import { sameContent } from "../log/content.ts";
import type { Entry, NewEntry } from "../log/entry.ts";
import type { Appended, AppendOptions } from "../store/append.ts";
import { type AppendSession, NotBehind } from "../store/append-session.ts";
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
 * When a transaction begins beside another. One that others can be sent behind is left alone for `patienceMs`,
 * after which it waits for a lock or a slow disk. Any other is left alone as long if it has `busyEntries` or
 * more, which says that many come, and fewer than `waitingEntries` wait: a transaction costs the same
 * however few entries it has.
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
 * service has no delay and a busy one large batches. A team is in at most one transaction, and in
 * the one sent behind that, which is done only if that one is; so a caller's order holds.
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
    this.#pumpSoon();
    return answer;
  }

  /** Calls that arrive in one turn of the event loop go together. */
  #pumpSoon(): void {
    if (this.#pumping) return;
    this.#pumping = true;
    queueMicrotask(() => {
      this.#pumping = false;
      this.#pump();
    });
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
    for (const ahead of this.#running) this.#follow(ahead, now);
    while (this.#mayBeginBeside() && now >= this.#mayBeginAt(now)) {
      const batch = this.#queue.take(now, this.#options.oneTeamPerTransaction ?? false);
      if (batch.length === 0) break;
      this.#begin(batch, now);
    }
    clearTimeout(this.#timer);
    const { nextAt } = this.#queue;
    if (nextAt === undefined || !this.#mayBeginBeside()) return;
    const delay = Math.max(nextAt, this.#mayBeginAt(now)) - now;
    this.#timer = setTimeout(() => this.#pump(), Math.max(1, delay));
  }

  /**
   * Sends a transaction right behind another once as many calls wait as that one has, so that the database goes
   * on with it while that one's callers are answered. Only one: the more go together the less each costs.
   */
  #follow(ahead: Running, now: number): void {
    if (!ahead.session?.takesMore || ahead.ahead !== undefined || ahead.behind !== undefined)
      return;
    // One that takes long may wait for a lock: then it goes on beside it.
    if (now < this.#pausedUntil || now >= ahead.since + company.patienceMs) return;
    if (!this.#queue.holds(callsOf(ahead.batch), now, ahead.batch)) return;
    const batch = this.#queue.take(now, false, ahead.batch);
    if (batch.length > 0) this.#begin(batch, now, ahead);
  }

  /** Whether there is room for a transaction that is sent behind none. */
  #mayBeginBeside(): boolean {
    let beside = 0;
    for (const { ahead } of this.#running) if (ahead === undefined) beside += 1;
    return beside < this.#maxTransactions;
  }

  /** When a transaction may begin that is sent behind none, by `performance.now()`. */
  #mayBeginAt(now: number): number {
    let at = this.#pausedUntil;
    for (const running of this.#running) {
      if (this.#isLeftAlone(running, now)) at = Math.max(at, running.since + company.patienceMs);
    }
    return at;
  }

  #isLeftAlone({ session, batch }: Running, now: number): boolean {
    if (session?.takesMore) return true;
    return callsOf(batch) >= company.busyEntries && !this.#queue.holds(company.waitingEntries, now);
  }

  #begin(batch: Batch, since: number, ahead?: Running): void {
    const running: Running = { batch, since, ahead };
    if (ahead !== undefined) ahead.behind = running;
    this.#running.add(running);
    const attempt = this.#attempt(batch, running);
    running.attempt = attempt;
    running.over = this.#finish(running, attempt);
  }

  /** Afterwards each of its calls is answered or back in its lane. */
  async #finish(running: Running, attempt: Promise<Attempt>): Promise<void> {
    const { unanswered, cause } = await attempt;
    // Its calls come to the front of their lanes, before those of the one behind it; nothing comes between.
    if (unanswered.length > 0 && running.behind !== undefined) await running.behind.over;
    // From the back, so that a lane's calls come to its front in their order.
    for (const { lane, calls } of unanswered.toReversed()) this.#queue.putBack(lane, calls, cause);
    this.#running.delete(running);
    if (running.behind !== undefined) {
      running.behind.ahead = undefined;
      running.behind.since = performance.now();
      // Else a dead one in the old space would keep all that came after it (docs/decisions/0024).
      running.behind = undefined;
    }
    this.#queue.release(running.batch);
    this.#pump();
  }

  /**
   * Tries a batch in one transaction, or in halves if one of its entries makes it fail. Nothing is sent behind a
   * half.
   */
  async #attempt(taken: Batch, running?: Running): Promise<Attempt> {
    const batch = withoutPutOff(taken);
    if (batch.length === 0) return { unanswered: [] };
    const entries = batch.flatMap(({ calls }) => calls.map(({ entry }) => entry));
    const suspects = batch.filter(({ lane }) => lane.suspect).map(({ lane }) => lane.teamId);
    const ahead = running?.ahead;
    const start = performance.now();
    let result: Appended;
    try {
      result = await this.#options.append(entries, {
        skipIfBusy: new Set(suspects),
        ...(ahead && { behind: ahead.session }),
        ...(running && { onSent: (session) => this.#onSent(running, session) }),
      });
    } catch (error) {
      const putBack = ahead && (await this.#failedBehind(batch, error, ahead));
      if (putBack !== undefined) return putBack;
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
    // Its callers are answered first, and what it recorded is told of first.
    await ahead?.attempt;
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

  #onSent(running: Running, session: AppendSession): void {
    running.session = session;
    this.#pumpSoon();
  }

  /**
   * What was sent behind another and failed is to be tried for itself, unless the fault is known to be its own,
   * since nothing is left of the one ahead.
   */
  async #failedBehind(batch: Batch, error: unknown, ahead: Running): Promise<Attempt | undefined> {
    const left = error instanceof NotBehind ? undefined : await ahead.attempt;
    if (left?.unanswered.length === 0) return undefined;
    for (const { lane } of batch) lane.notBehind = true;
    this.#options.metrics.retried();
    return { unanswered: batch, cause: left?.cause };
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

/** A transaction in flight. */
interface Running {
  readonly batch: Batch;
  /** When it began, or the one ahead of it was over, by `performance.now()`. */
  since: number;
  /** The one that it was sent behind, until that is over. */
  ahead?: Running | undefined;
  /** The one that was sent behind it. */
  behind?: Running | undefined;
  /** Once it has been sent in one go, so that another may be sent behind it. */
  session?: AppendSession;
  attempt?: Promise<Attempt>;
  /** Resolves when its calls are answered or back in their lanes. */
  over?: Promise<void>;
}

function callsOf(batch: Batch): number {
  return batch.reduce((sum, { calls }) => sum + calls.length, 0);
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
