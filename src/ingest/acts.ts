import { AuditError, databaseUnavailable, sqlState } from "../errors.ts";
import { actLimits } from "../limits.ts";
import type { Entry, NewEntry } from "../log/entry.ts";
import { type Appended, type AppendOptions, LogInDoubt } from "../store/append.ts";

/** What acts need of the world. */
export interface ActsOptions {
  readonly append: (entries: readonly NewEntry[], options?: AppendOptions) => Promise<Appended>;
  /** Hears of entries right after their COMMIT. */
  readonly onAppended: (entries: readonly Entry[]) => void;
}

/** Waits that end with a lock had or a deadlock: worth another try. */
const passing = /^(55P03|40P01|40001)$/;

/**
 * Transactions in which Annals does something and records that it did: a few at a time, so that
 * they leave the group commit its sessions.
 */
export class Acts {
  readonly #options: ActsOptions;
  readonly #waiting: (() => void)[] = [];
  #running = 0;

  constructor(options: ActsOptions) {
    this.#options = options;
  }

  /**
   * Does `act` and appends its entry in one transaction, and gives back the entry as recorded; does
   * nothing if the signal has aborted by the time that it is its turn.
   *
   * @throws AuditError QUEUE_FULL, DATABASE_UNAVAILABLE; the signal's reason; what the team's log is
   *   refused for; or what `act` throws, with nothing done.
   */
  async run(
    entry: NewEntry,
    act: NonNullable<AppendOptions["alongside"]>,
    signal: AbortSignal,
  ): Promise<Entry> {
    await this.#enter();
    try {
      signal.throwIfAborted();
      const { entries, appended } = await this.#options.append([entry], { alongside: act });
      this.#options.onAppended(appended);
      const recorded = entries.get(entry.teamId)?.get(entry.id);
      if (recorded === undefined) throw new Error("an act is missing from its own transaction");
      return recorded;
    } catch (error) {
      const worthAnotherTry = passing.test(sqlState(error)) || error instanceof LogInDoubt;
      throw worthAnotherTry ? databaseUnavailable(error) : error;
    } finally {
      this.#leave();
    }
  }

  async #enter(): Promise<void> {
    if (this.#running < actLimits.running) {
      this.#running += 1;
      return;
    }
    if (this.#waiting.length >= actLimits.waiting) {
      throw new AuditError(
        "QUEUE_FULL",
        "too many keys are being made or revoked, or details erased",
        {
          metadata: { limit: "own_acts" },
          retryDelayMs: 1_000,
        },
      );
    }
    await new Promise<void>((resolve) => this.#waiting.push(resolve));
  }

  /** Hands the place to who waits longest. */
  #leave(): void {
    const next = this.#waiting.shift();
    if (next === undefined) this.#running -= 1;
    else next();
  }
}
