import type { Logger } from "pino";
import type { TeamId } from "../ids.ts";
import { streamLimits } from "../limits.ts";
import type { Entry } from "../log/entry.ts";
import type { Window } from "../store/entries.ts";
import { Topic } from "./topic.ts";

/** How the hub came to know of entries. */
export type FeedSource = "local" | "hint" | "poll";

/** What the hub needs of the world. */
export interface HubOptions {
  readonly readSizes: (teams: readonly TeamId[]) => Promise<ReadonlyMap<TeamId, bigint>>;
  readonly readWindow: (teamId: TeamId, window: Window) => Promise<Entry[]>;
  readonly logger: Logger;
  readonly onLag?: (seconds: number, source: FeedSource) => void;
  readonly onRollback?: () => void;
  readonly pollMs?: number;
  readonly ringEntries?: number;
  readonly ringBytes?: number;
}

/** A log that is followed; release it when done. */
export interface Followed extends Disposable {
  readonly topic: Topic;
}

/**
 * Knows how far the followed logs go and says "there is more". It is fed by this replica's
 * commits, by other replicas' hints, and by polling the heads of followed teams, which alone is
 * enough for correctness: a commit or hint that never arrives costs at most a poll's delay.
 */
export class Hub {
  /** Woken by every sign of new entries in any team; its ring is not used. */
  readonly allTeams = new Topic(0);
  readonly #options: HubOptions;
  readonly #pollMs: number;
  readonly #ringBytes: number;
  readonly #topics = new Map<TeamId, Topic>();
  #timer: NodeJS.Timeout | undefined;
  #polling: Promise<void> | undefined;
  readonly #hinted = new Set<TeamId>();
  #looking: Promise<void> | undefined;
  /** How often the logs came into doubt, and how many of those doubts a poll has settled. */
  #doubts = 0;
  #settled = 0;
  #closed = false;

  constructor(options: HubOptions) {
    this.#options = options;
    this.#pollMs = options.pollMs ?? streamLimits.pollMs;
    this.#ringBytes = options.ringBytes ?? streamLimits.ringBytes;
  }

  /** Follows a team's log. What is committed from now on is noticed. */
  follow(teamId: TeamId): Followed {
    let topic = this.#topics.get(teamId);
    if (topic === undefined) {
      const ringEntries = this.#options.ringEntries ?? streamLimits.ringEntries;
      topic = new Topic(ringEntries, () => this.#makeRoom());
      this.#topics.set(teamId, topic);
    }
    return this.#followed(topic, () => this.#topics.delete(teamId));
  }

  /** Follows all teams: whoever waits for it is woken when there may be more. */
  followAll(): Followed {
    return this.#followed(this.allTeams, () => undefined);
  }

  #followed(topic: Topic, onLast: () => void): Followed {
    topic.followers += 1;
    this.#schedule();
    let released = false;
    return {
      topic,
      [Symbol.dispose]: () => {
        if (released) return;
        released = true;
        topic.followers -= 1;
        if (topic.followers === 0) onLast();
      },
    };
  }

  /** Takes entries that were just committed, by team in the order of their sequences. */
  publish(entries: readonly Entry[], source: FeedSource = "local"): void {
    const now = Date.now();
    for (const [teamId, run] of Map.groupBy(entries, (entry) => entry.teamId)) {
      const topic = this.#topics.get(teamId);
      if (topic === undefined) continue;
      const known = topic.size;
      // In doubt nothing is known to join on to; from the database it is read with a check.
      if (this.#settled === this.#doubts) topic.push(run);
      else topic.reach(run.at(-1)?.sequence ?? 0n);
      this.#makeRoom();
      for (const { sequence, recordTime } of run) {
        if (sequence <= known) continue;
        this.#options.onLag?.(Math.max(0, now - recordTime) / 1_000, source);
      }
      topic.wake();
    }
    this.allTeams.wake();
  }

  /**
   * Hears that teams' logs may have grown, and looks how far: who can send a hint can make this
   * replica look, and no more.
   */
  look(teams: readonly TeamId[]): Promise<void> {
    this.allTeams.wake();
    for (const teamId of teams) if (this.#topics.has(teamId)) this.#hinted.add(teamId);
    this.#looking ??= this.#lookAtHinted().finally(() => {
      this.#looking = undefined;
    });
    return this.#looking;
  }

  async #lookAtHinted(): Promise<void> {
    while (this.#hinted.size > 0) {
      const teams = [...this.#hinted];
      this.#hinted.clear();
      try {
        const sizes = await this.#options.readSizes(teams);
        for (const [teamId, size] of sizes) await this.#grown(teamId, size, "hint");
      } catch (error) {
        this.#options.logger.warn({ err: error }, "the heads of hinted logs could not be read");
      }
    }
  }

  /** A team's log has grown to a size: reads what is new once, for all who follow. */
  async #grown(teamId: TeamId, size: bigint, source: FeedSource): Promise<void> {
    const topic = this.#topics.get(teamId);
    if (topic === undefined || size <= topic.size) return;
    const from = topic.size + 1n;
    const few = size - from < BigInt(streamLimits.ringEntries / 4);
    const settled = this.#settled === this.#doubts;
    try {
      // Who is further behind reads pages from the database; the ring is for those who keep up.
      if (few && settled)
        this.publish(await this.#options.readWindow(teamId, { from, to: size }), source);
    } catch (error) {
      this.#options.logger.warn({ err: error }, "new entries could not be read ahead");
    }
    topic.reach(size);
  }

  /**
   * A connection to the database was lost, or is new: commits may have been missed, and the
   * database may have been restored from a backup. Polls, and has all who follow a log make sure
   * that it still is the one they have read.
   */
  doubt(): void {
    if (this.#closed) return;
    this.#doubts += 1;
    this.#forget();
    // A poll that has begun may have asked the database as it was.
    void (this.#polling ?? Promise.resolve()).then(() => this.poll());
  }

  /** Polls the heads of all followed teams now. */
  poll(): Promise<void> {
    this.#polling ??= this.#pollOnce().finally(() => {
      this.#polling = undefined;
    });
    return this.#polling;
  }

  /** Stops polling. Those who wait end by their own signals. */
  async close(): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#timer);
    await Promise.all([this.#polling, this.#looking]);
  }

  async #pollOnce(): Promise<void> {
    this.allTeams.wake();
    const doubts = this.#doubts;
    // What is known before the query is asked must be in its answer.
    const known = new Map([...this.#topics].map(([teamId, topic]) => [teamId, topic.size]));
    if (known.size === 0) {
      this.#settled = doubts;
      return;
    }
    // What others have erased is not known until the database has answered.
    const unanswered = setInterval(() => this.#forget(), this.#pollMs);
    try {
      const sizes = await this.#options.readSizes([...known.keys()]);
      for (const [teamId, before] of known) {
        const size = sizes.get(teamId) ?? 0n;
        if (size < before) this.#rolledBack(teamId, before, size);
        else if (doubts !== this.#settled) this.#topics.get(teamId)?.doubt();
      }
      this.#settled = doubts;
      for (const teamId of known.keys()) await this.#grown(teamId, sizes.get(teamId) ?? 0n, "poll");
    } catch (error) {
      this.#doubts += 1;
      this.#forget();
      this.#options.logger.warn({ err: error }, "the heads of followed logs could not be polled");
    } finally {
      clearInterval(unanswered);
    }
  }

  #forget(): void {
    for (const topic of this.#topics.values()) topic.clear();
  }

  #rolledBack(teamId: TeamId, before: bigint, size: bigint): void {
    const topic = this.#topics.get(teamId);
    if (topic === undefined) return;
    this.#options.logger.error(
      { teamId, before: String(before), size: String(size) },
      "a log has shrunk: the database was rolled back",
    );
    this.#options.onRollback?.();
    topic.size = size;
    topic.doubt();
  }

  #makeRoom(): void {
    let bytes = 0;
    for (const topic of this.#topics.values()) bytes += topic.bytes;
    while (bytes > this.#ringBytes) {
      let largest: Topic | undefined;
      for (const topic of this.#topics.values()) {
        if (largest === undefined || topic.bytes > largest.bytes) largest = topic;
      }
      if (largest === undefined || largest.bytes === 0) return;
      bytes -= largest.bytes;
      largest.shrink();
      bytes += largest.bytes;
    }
  }

  #schedule(): void {
    if (this.#timer !== undefined || this.#closed) return;
    this.#timer = setTimeout(async () => {
      await this.poll();
      this.#timer = undefined;
      const followed = this.#topics.size > 0 || this.allTeams.followers > 0;
      if (followed) this.#schedule();
    }, this.#pollMs);
  }
}
