import { pino } from "pino";
import type { EntryId, TeamId } from "../../src/ids.ts";
import { GroupCommit, type GroupCommitOptions } from "../../src/ingest/group-commit.ts";
import type { Entry, NewEntry } from "../../src/log/entry.ts";
import type { Appended, AppendOptions } from "../../src/store/append.ts";

/** A transaction that the group commit has begun and that waits for a test to end it. */
export interface FakeTransaction {
  readonly entries: readonly NewEntry[];
  readonly skipIfBusy: ReadonlySet<TeamId>;
  /** Says COMMIT, but for teams whose heads others hold, or whose logs are refused. */
  commit(busy?: Iterable<TeamId>, refused?: ReadonlyMap<TeamId, Error>): void;
  fail(error: Error): void;
}

/** An `append` without a database: each transaction waits for the test. */
export class FakeLog {
  readonly committed: Entry[] = [];
  /** Every transaction begun so far. */
  readonly transactions: FakeTransaction[] = [];
  /** Entries of transactions in flight now. */
  readonly inFlight = new Set<readonly NewEntry[]>();
  mostInFlight = 0;
  #taken = 0;
  #begun = Promise.withResolvers<void>();

  readonly append = (
    entries: readonly NewEntry[],
    { skipIfBusy = new Set() }: AppendOptions = {},
  ): Promise<Appended> => {
    const { promise, resolve, reject } = Promise.withResolvers<Appended>();
    this.inFlight.add(entries);
    this.mostInFlight = Math.max(this.mostInFlight, this.inFlight.size);
    this.transactions.push({
      entries,
      skipIfBusy,
      commit: (busy = [], refused = new Map()) => {
        this.inFlight.delete(entries);
        resolve(this.#store(entries, new Set(busy), refused));
      },
      fail: (error) => {
        this.inFlight.delete(entries);
        reject(error);
      },
    });
    this.#begun.resolve();
    return promise;
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
