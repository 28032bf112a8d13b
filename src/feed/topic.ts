import type { Entry } from "../log/entry.ts";
import type { Position } from "../log/position.ts";
import type { Delivery } from "./delivery.ts";
import { Ring } from "./ring.ts";
import { SharedReads } from "./shared-reads.ts";
import type { Waiter } from "./waiter.ts";

/**
 * Those who wait are woken together, and no sooner than so long after the last time, for each of
 * them: about twice what sending each a small message takes, so that a log with many followers and
 * many commits spends no more than half of a core on it, and what is committed meanwhile is one
 * message and not many.
 */
const paceMs = { each: 0.02, most: 20 };

/**
 * One followed log in memory: how far it is known to go, a ring of its most recent entries, and
 * those who wait for more. The ring reaches to the end that is known or is empty: what comes after
 * an entry may have erased its details.
 */
export class Topic {
  /** The highest sequence known to be committed. */
  size = 0n;
  /** Subscriptions that follow this topic. */
  followers = 0;
  /** How often there was a sign of more, for a wait. */
  wakes = 0;
  /** How often its past came into doubt: who follows it then makes sure of its own position. */
  doubts = 0;
  /** Those who wait now. */
  readonly waiting = new Set<Waiter>();
  readonly #ring: Ring;
  readonly #shared = new SharedReads();
  readonly #onGrown: () => void;
  #heartbeat: Delivery<Position> | undefined;
  #waking = false;
  #wokenMs = Number.NEGATIVE_INFINITY;

  /** `onGrown` is told when it holds more than before without having been given entries. */
  constructor(maxEntries: number, onGrown: () => void = () => undefined) {
    this.#ring = new Ring(maxEntries);
    this.#onGrown = onGrown;
  }

  /** Bytes of the entries in the ring, and of what was made of them for many. */
  get bytes(): number {
    return this.#ring.bytes + this.#shared.bytes;
  }

  /** Takes committed entries of consecutive sequences; what is known already is passed over. */
  push(entries: readonly Entry[]): void {
    const end = entries.at(-1)?.sequence;
    // An older stretch than is known of: the ring would not reach to the end.
    if (end === undefined || end < this.size) return;
    this.#shared.clear();
    this.#ring.push(entries);
    this.size = end;
  }

  /** Hears that the log goes so far, without its entries: those in the ring are outdated. */
  reach(size: bigint): void {
    if (size <= this.size) return;
    this.size = size;
    this.clear();
    this.wake();
  }

  /** Gives up what many were given, or else the older half of the ring. */
  shrink(): void {
    if (this.#shared.bytes > 0) this.#shared.clear();
    else this.#ring.shrink();
  }

  /** Forgets the ring, and all that was made of it. */
  clear(): void {
    this.#shared.clear();
    this.#ring.clear();
  }

  /** Up to `limit` entries right after a sequence, or undefined if the ring does not have them. */
  after(sequence: bigint, limit: number): readonly Entry[] | undefined {
    return this.#ring.after(sequence, limit);
  }

  /**
   * The same object for all who ask the same question of the ring as it is now; `read` answers it
   * for the first of them, by what {@link after} gives.
   */
  shared(
    question: string,
    read: () => Delivery<Position> | undefined,
  ): Delivery<Position> | undefined {
    const known = this.#shared.get(question);
    if (known !== undefined) return known;
    const found = read();
    if (found === undefined) return undefined;
    this.#shared.set(question, found);
    this.#onGrown();
    return found;
  }

  /** The heartbeat of a position: the same object for all who stand there. */
  heartbeat(position: Position): Delivery<Position> {
    const { sequence, leafPrefix } = position;
    const last = this.#heartbeat?.position;
    // One who follows an empty or pruned stretch, or goes on from such a cursor, has no prefix.
    const isSame = last?.sequence === sequence && Buffer.compare(last.leafPrefix, leafPrefix) === 0;
    if (this.#heartbeat === undefined || !isSame) this.#heartbeat = { entries: [], position };
    return this.#heartbeat;
  }

  /** Has all who follow make sure of their positions: the log may not be the one it was. */
  doubt(): void {
    this.clear();
    this.doubts += 1;
    this.wake();
  }

  /** Wakes all who wait, once the present turn of the event loop is over, or in a few milliseconds. */
  wake(): void {
    this.wakes += 1;
    if (this.#waking || this.waiting.size === 0) return;
    this.#waking = true;
    const pause = Math.min(paceMs.most, this.waiting.size * paceMs.each);
    const leftMs = this.#wokenMs + pause - performance.now();
    // Answers to those who recorded go out first, and commits of the same turn are one message.
    if (leftMs <= 0) setImmediate(() => this.#wakeNow());
    else setTimeout(() => this.#wakeNow(), leftMs);
  }

  #wakeNow(): void {
    this.#waking = false;
    this.#wokenMs = performance.now();
    for (const waiter of [...this.waiting]) waiter.end();
  }
}
