import type { Logger } from "pino";
import { AuditError, invalidField, sqlState } from "../errors.ts";
import { formatEntryId } from "../ids.ts";
import { sameContent } from "../log/content.ts";
import type { Entry, NewEntry } from "../log/entry.ts";
import type { Appended, AppendOptions } from "../store/append.ts";
import { type AppendSession, NotBehind } from "../store/append-session.ts";
import { halves, withoutPutOff } from "./batch.ts";
import type { Batch, Call, Lane, Queue } from "./queue.ts";

/** What attempts need of the world. */
export interface AttemptsOptions {
  /** One transaction; see `append` in the store. */
  readonly append: (entries: readonly NewEntry[], options?: AppendOptions) => Promise<Appended>;
  /** Hears of entries right after their COMMIT, by team in the order of their sequences. */
  readonly onAppended: (entries: readonly Entry[]) => void;
  readonly logger: Logger;
  readonly metrics: {
    committed(entries: number, seconds: number): void;
    retried(): void;
  };
}

/** What an attempt leaves to be tried again, in its order, and why. */
export interface Attempt {
  readonly unanswered: Batch;
  readonly cause?: unknown;
}

/** An attempt in flight, behind which another is sent. */
interface Ahead {
  readonly session?: AppendSession;
  readonly attempt?: Promise<Attempt>;
}

/** Backoff after a transaction that failed for a passing reason; doubled each time, jittered. */
const retryDelayMs = { first: 20, most: 1_000 };
/** How long a team whose head is held is left alone before it is tried again. */
const busyDelayMs = 50;
/** SQLSTATE classes that one entry's values cause: data exceptions, constraints, limits. */
const valueRefused = /^(22|23|54)/;
const lockNotAvailable = "55P03";
/** Ids are looked up and positions given under the head's lock: neither can be taken. */
const uniqueViolation = "23505";

/** Records batches of calls, and answers those of which it is known what became. */
export class Attempts {
  readonly #options: AttemptsOptions;
  readonly #queue: Pick<Queue, "suspectAll">;
  /** Transactions that failed in a row. */
  #failures = 0;
  #pausedUntil = 0;

  constructor(options: AttemptsOptions, queue: Pick<Queue, "suspectAll">) {
    this.#options = options;
    this.#queue = queue;
  }

  /** Until when the next transaction waits for the last one's failure, by `performance.now()`. */
  get pausedUntil(): number {
    return this.#pausedUntil;
  }

  /**
   * Tries a batch in one transaction, or in halves if one of its entries makes it fail. `onSent` hears of its
   * session once others may be sent behind it; never behind a half.
   */
  async make(
    taken: Batch,
    onSent?: (session: AppendSession) => void,
    ahead?: Ahead,
  ): Promise<Attempt> {
    const batch = withoutPutOff(taken);
    if (batch.length === 0) return { unanswered: [] };
    const entries = batch.flatMap(({ calls }) => calls.map(({ entry }) => entry));
    const suspects = batch.filter(({ lane }) => lane.suspect).map(({ lane }) => lane.teamId);
    const start = performance.now();
    let result: Appended;
    try {
      result = await this.#options.append(entries, {
        skipIfBusy: new Set(suspects),
        behind: ahead?.session,
        onSent,
      });
    } catch (error) {
      const putBack = ahead && (await this.#failedBehind(batch, error, ahead));
      if (putBack !== undefined) return putBack;
      // A RangeError is a head that contradicts itself: nothing that another try would mend.
      const oneAtFault = valueRefused.test(sqlState(error)) || error instanceof RangeError;
      if (!oneAtFault) return this.#failed(batch, error);
      if (entries.length === 1) return this.#refused(batch, error);
      const [first, second] = halves(batch);
      const { unanswered, cause } = await this.make(first);
      if (unanswered.length === 0) return this.make(second);
      // A lane's later calls must not overtake its earlier ones.
      return { unanswered: [...unanswered, ...second], cause };
    }
    // Its callers are answered first, and what it recorded is told of first.
    await ahead?.attempt;
    this.#failures = 0;
    this.#options.metrics.committed(result.appended.length, (performance.now() - start) / 1_000);
    const unanswered = this.#answer(batch, result);
    if (result.appended.length > 0) this.#options.onAppended(result.appended);
    return { unanswered };
  }

  /** Answers the calls of a batch whose transaction is committed, and returns those that it left out. */
  #answer(batch: Batch, { entries, busy, refused }: Appended): Batch {
    const unanswered: Batch[number][] = [];
    for (const { lane, calls } of batch) {
      lane.suspect = busy.has(lane.teamId);
      const refusal = refused.get(lane.teamId);
      if (lane.suspect) {
        lane.notBefore = performance.now() + busyDelayMs;
        unanswered.push({ lane, calls });
      } else if (refusal !== undefined) {
        for (const call of calls) putOff(lane, call, refusal);
      } else {
        const recorded = entries.get(lane.teamId);
        for (const call of calls) call.settle(answer(call.entry, recorded?.get(call.entry.id)));
      }
    }
    return unanswered;
  }

  /**
   * What was sent behind another and failed is to be tried for itself, unless the fault is known to be its own,
   * since nothing is left of the one ahead.
   */
  async #failedBehind(batch: Batch, error: unknown, ahead: Ahead): Promise<Attempt | undefined> {
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

/** Ends a call that may be made again, and with it those behind it in its order. */
function putOff(lane: Lane, call: Call, refusal: Error): void {
  call.order?.putOff(lane.teamId, refusal);
  call.settle(refusal);
}

/** With what a call is answered, given what is recorded under its id. */
function answer(entry: NewEntry, recorded: Entry | undefined): Entry | Error {
  if (recorded === undefined) return new Error("an entry is missing from its own transaction");
  if (sameContent(entry, recorded)) return recorded;
  const id = formatEntryId(entry.id);
  return new AuditError("ID_CONFLICT", `${id} was recorded with other content`, {
    metadata: { id },
  });
}
