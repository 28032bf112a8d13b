import { AuditError, databaseUnavailable, sqlState } from "../errors.ts";
import { actLimits } from "../limits.ts";
import type { Entry, NewEntry } from "../log/entry.ts";
import { type Appended, type AppendOptions, LogInDoubt } from "../store/append.ts";
import { Turns } from "../store/turns.ts";

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
  readonly #turns = new Turns({ ...actLimits, refusal: tooMany });

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
    const { teamId, actor } = entry;
    using _turn = await this.#turns.take({ team: teamId, member: actor.id }, { signal });
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
    }
  }
}

function tooMany(): AuditError {
  return new AuditError(
    "QUEUE_FULL",
    "too many keys are being made or revoked, or details erased",
    {
      metadata: { limit: "own_acts" },
      retryDelayMs: 1_000,
    },
  );
}
