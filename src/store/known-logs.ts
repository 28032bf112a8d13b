import type { TeamId } from "../ids.ts";
import { appendLimits } from "../limits.ts";
import type { Counts } from "../log/counts.ts";
import type { Millis } from "../log/entry.ts";
import { frontierFrom, type GrownLog, type LogEnd } from "../log/extend.ts";

/** Where an append of this process left a log. */
interface Known {
  readonly size: bigint;
  /** The frontier's hashes, a character a byte: views would keep the driver's buffers in memory. */
  readonly hashes: string;
  readonly recordTime: Millis;
  readonly counts: Counts;
  /** Whether nobody else seems to append to it. */
  readonly ours: boolean;
}

/** Where an append that is on its way will leave its logs. */
export type Expected = ReadonlyMap<TeamId, Known>;

/** Where logs end and what time it is, unless others have appended or the clock was set. */
export interface Guess {
  readonly logs: ReadonlyMap<TeamId, LogEnd>;
  /** The database's clock as reckoned; a little later than it is if that has slowed down or was set back. */
  readonly now: Millis;
  /** By how much it may be earlier when the heads are locked, in milliseconds. */
  readonly recordTimeLagMs: number;
}

/** The limits of {@link KnownLogs}; by default those of `limits.ts`. */
export type AppendLimits = Record<keyof typeof appendLimits, number>;

/** By how much the database's clock may be slower than this process's, as a share. */
const clockDrift = 1 / 1_000;

/** At most 63 appends in a row do without a guess. */
const mostWrong = 6;

/**
 * The ends of logs as this process left them, and the database's clock: from them the next entries'
 * positions, times and hashes can be worked out before the heads are locked ({@link appendToKnown}).
 * A log that somebody else appends to as well is not guessed at, until an append finds it as the one
 * before left it. So many logs are kept as the limits say, those that came last, some 1 KiB each.
 */
export class KnownLogs {
  readonly #logs = new Map<TeamId, Known>();
  /** Where appends that are on their way will leave logs, if all is as they expect. */
  readonly #expected = new Map<TeamId, Known>();
  readonly #limits: AppendLimits;
  readonly #onGuess: (right: boolean) => void;
  #clock: { readonly now: Millis; readonly at: number } | undefined;
  /** Two for each guess that was wrong, less one for each that was right; how many appends do without. */
  #wrong = 0;
  #rest = 0;

  /** `onGuess` hears of each guess whether it was right. */
  constructor(limits?: Partial<AppendLimits>, onGuess: (right: boolean) => void = () => {}) {
    this.#limits = { ...appendLimits, ...limits };
    this.#onGuess = onGuess;
  }

  /**
   * What to expect of these logs once the appends on their way are done; undefined if it is not known of
   * all. The caller may extend it.
   */
  guess(teams: readonly TeamId[]): Guess | undefined {
    if (this.#rest > 0) {
      this.#rest -= 1;
      return undefined;
    }
    const clock = this.#clock;
    const ageMs = clock === undefined ? Number.POSITIVE_INFINITY : performance.now() - clock.at;
    const { clockAgeMs, recordTimeLagMs } = this.#limits;
    if (clock === undefined || ageMs > clockAgeMs) return undefined;
    const logs = new Map<TeamId, LogEnd>();
    for (const teamId of teams) {
      const known = this.#expected.get(teamId) ?? this.#logs.get(teamId);
      if (!known?.ours) return undefined;
      logs.set(teamId, {
        lastRecordTime: known.recordTime,
        frontier: frontierFrom(known.size, Buffer.from(known.hashes, "latin1")),
        counts: [...known.counts],
      });
    }
    return { logs, now: Math.floor(clock.now + ageMs), recordTimeLagMs };
  }

  /** The database has just told its time. */
  tell(now: Millis): void {
    this.#clock = { now, at: performance.now() };
  }

  /**
   * The database told its time some while ago, and what was reckoned before was right: the later of the two
   * is nearer. The answer to an append in one go comes when the disk has it.
   */
  tellLate(now: Millis): void {
    const at = performance.now();
    const before = this.#clock ?? { now, at };
    const reckoned = before.now + (at - before.at) * (1 - clockDrift);
    this.#clock = { now: Math.max(now, reckoned), at };
  }

  /** Logs whose heads were just locked end so: whether they are as they were left. */
  found(logs: ReadonlyMap<TeamId, LogEnd>): void {
    for (const [teamId, { frontier }] of logs) {
      const known = this.#logs.get(teamId);
      if (known === undefined) continue;
      this.#logs.set(teamId, { ...known, ours: known.size === frontier.size });
    }
  }

  /**
   * Whether a guess was right. After one that was not, the next 3 appends do without, after more of them 15
   * or 63; it takes two right ones to make up for it, so that a caller who repeats itself time and again
   * does not cost every other append a transaction.
   */
  judge(right: boolean): void {
    this.#wrong = right ? Math.max(0, this.#wrong - 1) : Math.min(this.#wrong + 2, mostWrong);
    this.#rest = right ? 0 : 2 ** this.#wrong - 1;
    this.#onGuess(right);
  }

  /** An append is on its way that leaves logs so if all is as expected, which {@link met} is told. */
  expect(ends: ReadonlyMap<TeamId, GrownLog>): Expected {
    const expected = new Map<TeamId, Known>();
    for (const [teamId, end] of ends) {
      const known = this.#known(teamId, end);
      if (known === undefined) continue;
      expected.set(teamId, known);
      this.#expected.set(teamId, known);
    }
    return expected;
  }

  /** Whether an append found all as expected; if not, nothing was appended, as far as is known. */
  met(expected: Expected, asExpected: boolean): void {
    for (const [teamId, known] of expected) {
      if (asExpected) this.#logs.set(teamId, known);
      // Another one may be on its way behind it, which cannot be right if this one was not.
      if (!asExpected || this.#expected.get(teamId) === known) this.#expected.delete(teamId);
    }
  }

  /** A transaction has committed that left logs so. */
  left(ends: ReadonlyMap<TeamId, GrownLog>): void {
    for (const [teamId, end] of ends) {
      const known = this.#known(teamId, end);
      // A log that is not counted yet would never be.
      if (known === undefined) this.#logs.delete(teamId);
      else this.#logs.set(teamId, known);
    }
    for (const teamId of this.#logs.keys()) {
      if (this.#logs.size <= this.#limits.knownLogs) break;
      this.#logs.delete(teamId);
    }
  }

  /** The end of a log as it is kept; undefined if it is not counted. */
  #known(teamId: TeamId, { frontier, recordTime, counts }: GrownLog): Known | undefined {
    if (counts === undefined) return undefined;
    return {
      size: frontier.size,
      hashes: Buffer.concat(frontier.hashes).toString("latin1"),
      recordTime,
      counts,
      ours: this.#logs.get(teamId)?.ours ?? true,
    };
  }
}
