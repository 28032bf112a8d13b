import { basename, dirname } from "node:path";
import { disk, ifThere, isMissing, type Work } from "./disk.ts";
import type { ReadEntry, Segment } from "./segment.ts";
import type { Trouble } from "./trouble.ts";

/** Whom the queue tells. */
export interface SegmentQueueOptions {
  readonly trouble: Trouble;
  readonly onDamaged: (entries: number) => void;
  /** A segment's file is not there. Marks those as lost that have gone with their session. */
  readonly onMissing: () => Promise<void>;
}

/** All segments, in the order in which they are read: adopted ones by age, then one's own. */
export class SegmentQueue {
  readonly #options: SegmentQueueOptions;
  #adopted: Segment[] = [];
  #own: Segment[] = [];
  /** Settled ones whose files are to go. */
  readonly #settled = new Set<Segment>();
  /** Those that could not be read when it was tried last. */
  readonly #failing = new Set<Segment>();

  constructor(options: SegmentQueueOptions) {
    this.#options = options;
  }

  /** Takes one that is being written. */
  addOwn(segment: Segment): void {
    this.#own.push(segment);
  }

  /** Takes adopted ones. */
  addAdopted(segments: readonly Segment[]): void {
    this.#adopted = [...this.#adopted, ...segments].sort(byAge);
    for (const segment of segments) this.check(segment);
  }

  /** The next entries; see Spill. Never rejects. */
  async read(maxEntries: number, maxBytes: number): Promise<ReadEntry[]> {
    const entries: ReadEntry[] = [];
    let bytes = 0;
    for (const segment of [...this.#adopted, ...this.#own]) {
      if (segment.lost || segment.deferred) continue;
      const some = await this.#readFrom(segment, maxEntries - entries.length, maxBytes - bytes, {
        atLeastOne: entries.length === 0,
      });
      for (const entry of some) bytes += entry.bytes.length;
      entries.push(...some);
      // Those of the next segment come later than what did not fit of this one.
      if (!segment.isRead && !segment.lost && !segment.deferred) break;
    }
    return entries;
  }

  /** Lets a segment's file go if nothing of it waits any more, or more is to come. */
  check(segment: Segment): void {
    if (!segment.complete || !segment.isSettled || segment.lost) return;
    this.#remove(segment);
    this.#settled.add(segment);
  }

  /** Whether files are to go. */
  get hasSettled(): boolean {
    return this.#settled.size > 0;
  }

  /** Removes the files of what is settled. Never throws; what fails is tried again by the next call. */
  *removeSettled(): Work<void> {
    for (const segment of this.#settled) {
      try {
        yield* ifThere(disk.unlink(segment.path));
        this.#settled.delete(segment);
        this.#options.trouble.clear("clean up");
      } catch (error) {
        this.#options.trouble.report("clean up", error);
      }
    }
  }

  /** Reads again what could not be read; answers whether there is such. */
  retryDeferred(): boolean {
    const deferred = [...this.#adopted, ...this.#own].filter((segment) => segment.deferred);
    for (const segment of deferred) segment.deferred = false;
    return deferred.length > 0;
  }

  /** All of them are lost; answers how many entries of them were not read. */
  loseAll(): number {
    this.#settled.clear();
    let entries = 0;
    for (const segment of [...this.#adopted, ...this.#own]) entries += this.lose(segment);
    return entries;
  }

  /** A segment is lost; answers how many entries of it were not read. */
  lose(segment: Segment): number {
    segment.lost = true;
    this.#remove(segment);
    return segment.forgetUnread();
  }

  /** Closes the files that are being read. */
  close(): void {
    for (const segment of [...this.#adopted, ...this.#own]) segment.close();
  }

  async #readFrom(
    segment: Segment,
    maxEntries: number,
    maxBytes: number,
    { atLeastOne }: { readonly atLeastOne: boolean },
  ): Promise<ReadEntry[]> {
    const { trouble, onDamaged, onMissing } = this.#options;
    try {
      const entries = await segment.read(maxEntries, maxBytes, atLeastOne);
      if (this.#failing.delete(segment) && this.#failing.size === 0) trouble.clear("read");
      if (segment.lost) return [];
      const damaged = segment.takeDamage();
      if (damaged > 0) onDamaged(damaged);
      if (segment.isRead && segment.complete) {
        segment.forgetUnread();
        segment.close();
        this.check(segment);
      }
      return entries;
    } catch (error) {
      if (segment.lost) return [];
      if (isMissing(error)) {
        await onMissing();
        if (!segment.lost) onDamaged(this.lose(segment));
      } else {
        trouble.report("read", error);
        segment.close();
        segment.deferred = true;
        this.#failing.add(segment);
      }
      return [];
    }
  }

  #remove(segment: Segment): void {
    segment.close();
    this.#failing.delete(segment);
    this.#adopted = this.#adopted.filter((other) => other !== segment);
    this.#own = this.#own.filter((other) => other !== segment);
  }
}

/** By session, whose names sort by age, then by position. */
function byAge(a: Segment, b: Segment): number {
  const key = ({ path }: Segment) => `${basename(dirname(path))}/${basename(path)}`;
  return key(a) < key(b) ? -1 : 1;
}
