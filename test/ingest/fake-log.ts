import type pg from "pg";
import { pino } from "pino";
import type { EntryId, TeamId } from "../../src/ids.ts";
import { GroupCommit, type GroupCommitOptions } from "../../src/ingest/group-commit.ts";
import type { Entry, NewEntry } from "../../src/log/entry.ts";
import type { Appended, AppendOptions } from "../../src/store/append.ts";
import { AppendSession, NotBehind } from "../../src/store/append-session.ts";

/** A transaction that the group commit has begun and that waits for a test to end it. */
export interface FakeTransaction {
  readonly entries: readonly NewEntry[];
  readonly skipIfBusy: ReadonlySet<TeamId>;
  /** Whether it was sent behind another: then it commits only if that one has. */
  readonly isBehind: boolean;
  /** Says COMMIT, but for teams whose heads others hold, or whose logs are refused. */
  commit(busy?: Iterable<TeamId>, refused?: ReadonlyMap<TeamId, Error>): void;
  fail(error: Error): void;
}

/**
 * An `append` without a database: each transaction waits for the test. With `inOneGo` transactions are sent
 * as to logs whose ends are known, so that others may be sent behind them.
 */
export class FakeLog {
  readonly #inOneGo: boolean;
  /** Whether what was sent last in a session committed as expected, once that is known. */
  readonly #outcomes = new WeakMap<AppendSession, Promise<boolean>>();
  readonly committed: Entry[] = [];
  /** Every transaction begun so far. */
  readonly transactions: FakeTransaction[] = [];
  /** Entries of transactions in flight now. */
  readonly inFlight = new Set<readonly NewEntry[]>();
  mostInFlight = 0;
  #taken = 0;
  #begun = Promise.withResolvers<void>();

  constructor({ inOneGo = false } = {}) {
    this.#inOneGo = inOneGo;
  }

  readonly append = async (
    entries: readonly NewEntry[],
    { skipIfBusy = new Set(), behind, onSent }: AppendOptions = {},
  ): Promise<Appended> => {
    if (behind !== undefined && skipIfBusy.size > 0) throw new NotBehind("heads may be held");
    const { promise, resolve, reject } = Promise.withResolvers<Appended>();
    const outcome = Promise.withResolvers<boolean>();
    const session = behind?.join() ?? new AppendSession(noClient);
    const ahead = behind && this.#outcomes.get(behind);
    const sent = this.#inOneGo && skipIfBusy.size === 0;
    const answered = (asExpected: boolean) => {
      if (sent) session.answered(asExpected);
      outcome.resolve(asExpected);
    };
    this.inFlight.add(entries);
    this.mostInFlight = Math.max(this.mostInFlight, this.inFlight.size);
    this.transactions.push({
      entries,
      skipIfBusy,
      isBehind: behind !== undefined,
      commit: (busy = [], refused = new Map()) => {
        const end = (mayCommit: boolean) => {
          this.inFlight.delete(entries);
          if (!mayCommit) {
            answered(false);
            reject(new NotBehind("the one ahead did not commit"));
            return;
          }
          const result = this.#store(entries, new Set(busy), refused);
          answered(result.busy.size + result.refused.size === 0);
          resolve(result);
        };
        if (ahead === undefined) end(true);
        else void ahead.then(end);
      },
      fail: (error) => {
        this.inFlight.delete(entries);
        answered(false);
        reject(error);
      },
    });
    if (sent) {
      this.#outcomes.set(session, outcome.promise);
      session.sent();
      onSent?.(session);
    }
    this.#begun.resolve();
    return promise.finally(() => session.leave(undefined));
  };

  /** The next transaction, in the order in which they begin. */
  async next(): Promise<FakeTransaction> {
    for (;;) {
      const transaction = this.transactions[this.#taken];
      if (transaction !== undefined) {
        this.#taken += 1;
        return transaction;
      }
      this.#begun = Promise.withResolvers();
      await this.#begun.promise;
    }
  }

  #store(
    entries: readonly NewEntry[],
    busy: ReadonlySet<TeamId>,
    refused: ReadonlyMap<TeamId, Error>,
  ): Appended {
    const appended: Entry[] = [];
    const found = new Map<TeamId, Map<EntryId, Entry>>();
    for (const entry of entries) {
      if (busy.has(entry.teamId) || refused.has(entry.teamId)) continue;
      let stored = this.committed.find((e) => e.teamId === entry.teamId && e.id === entry.id);
      if (stored === undefined) {
        stored = this.#recorded(entry);
        this.committed.push(stored);
        appended.push(stored);
      }
      const ids = found.get(entry.teamId) ?? new Map<EntryId, Entry>();
      found.set(entry.teamId, ids.set(entry.id, stored));
    }
    return { entries: found, appended, busy, refused };
  }

  #recorded(entry: NewEntry): Entry {
    const sequence = this.committed.filter((e) => e.teamId === entry.teamId).length + 1;
    return {
      ...entry,
      sequence: BigInt(sequence),
      recordTime: Date.now(),
      detailsState: "none",
      detailsSalt: new Uint8Array(32),
      detailsDigest: new Uint8Array(32),
      leafHash: new Uint8Array(32),
    };
  }
}

const noClient = { release: () => undefined } as unknown as pg.PoolClient;

/** A group commit over an `append`, silent, that counts nothing. */
export function groupCommitOver(
  append: GroupCommitOptions["append"],
  options: Partial<GroupCommitOptions> = {},
): GroupCommit {
  return new GroupCommit({
    append,
    onAppended: () => undefined,
    logger: pino({ level: "silent" }),
    metrics: { queued: () => undefined, committed: () => undefined, retried: () => undefined },
    ...options,
  });
}

/** A failure as the driver throws it. */
export function databaseError(sqlState: string): Error {
  return Object.assign(new Error(`SQLSTATE ${sqlState}`), { code: sqlState });
}
