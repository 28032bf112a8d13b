import type { CallSignal } from "../call-signal.ts";
import { AuditError } from "../errors.ts";
import type { TeamId } from "../ids.ts";
import { ingestLimits } from "../limits.ts";
import type { Entry, NewEntry } from "../log/entry.ts";
import type { AppendSession } from "../store/append-session.ts";
import { type Attempt, Attempts, type AttemptsOptions } from "./attempts.ts";
import { BatchOrder } from "./batch-order.ts";
import { type Batch, type IngestLimits, Queue } from "./queue.ts";

/** What the group commit needs of the world. */
export interface GroupCommitOptions extends AttemptsOptions {
  readonly metrics: AttemptsOptions["metrics"] & {
    queued(entries: number, bytes: number): void;
  };
  /** Why a team's log must not be appended to just now; undefined if it may. */
  readonly refusal?: (teamId: TeamId) => Error | undefined;
  /** Only one team in a transaction, as a distributed database needs it. */
  readonly oneTeamPerTransaction?: boolean;
  readonly limits?: Partial<IngestLimits>;
}

/**
 * When a transaction begins beside another. One that others can be sent behind is left alone for `patienceMs`,
 * after which it waits for a lock or a slow disk. Any other is left alone as long if it has `busyEntries` or
 * more, which says that many come, and fewer than `waitingEntries` wait: a transaction costs the same
 * however few entries it has.
 */
const company = { busyEntries: 16, waitingEntries: 100, patienceMs: 50 };

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
  readonly #attempts: Attempts;
  readonly #maxTransactions: number;
  readonly #running = new Set<Running>();
  #timer: NodeJS.Timeout | undefined;
  #pumping = false;
  #closed = false;

  constructor(options: GroupCommitOptions) {
    const limits = { ...ingestLimits, ...options.limits };
    this.#options = options;
    this.#maxTransactions = limits.transactions;
    this.#queue = new Queue(limits, options.metrics.queued);
    this.#attempts = new Attempts(options, this.#queue);
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
    if (now < this.#attempts.pausedUntil || now >= ahead.since + company.patienceMs) return;
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
    let at = this.#attempts.pausedUntil;
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
    const onSent = (session: AppendSession) => {
      running.session = session;
      this.#pumpSoon();
    };
    const attempt = this.#attempts.make(batch, onSent, ahead);
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

function shuttingDown(): AuditError {
  return new AuditError("SHUTTING_DOWN", "the server is shutting down");
}
