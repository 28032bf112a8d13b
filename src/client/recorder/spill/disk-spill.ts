import { resolve } from "node:path";
import { Adoption } from "./adoption.ts";
import { disk, later, now, type Work } from "./disk.ts";
import { Neighbours } from "./neighbours.ts";
import { OwnSegments } from "./own-segments.ts";
import type { Place } from "./places.ts";
import type { ReadEntry, Waiting } from "./segment.ts";
import { SegmentQueue } from "./segment-queue.ts";
import type { Spill, SpilledEntry, SpillOptions, SpillPlace } from "./spill.ts";
import { type Doing, Trouble } from "./trouble.ts";

/** What tests set and nobody else should. */
export interface SpillTuning {
  /** How often a session is touched and its neighbours are looked at; 5 s. */
  readonly lookMs?: number;
  /** How long segments are; a sixteenth of `maxBytes`, between 64 KiB and 4 MiB. */
  readonly segmentBytes?: number;
}

const lookMs = 5_000;
const minSegmentBytes = 64 * 1024;
const maxSegmentBytes = 4 * 1024 * 1024;

/** A spill on disk; `openSpill` makes it. */
export class DiskSpill implements Spill {
  readonly #options: SpillOptions;
  readonly #lookMs: number;
  readonly #waiting: Waiting = { entries: 0, bytes: 0 };
  readonly #trouble: Trouble;
  readonly #queue: SegmentQueue;
  readonly #own: OwnSegments;
  readonly #adoption: Adoption;
  readonly #neighbours: Neighbours;
  /** What changes sessions goes one after the other; so does reading. */
  #changing: Promise<unknown> = Promise.resolve();
  #reading: Promise<unknown> = Promise.resolve();
  #looking: Promise<void> = Promise.resolve();
  #timer: NodeJS.Timeout | undefined;
  #closed: Promise<void> | undefined;
  readonly opened: Promise<void>;

  constructor(options: SpillOptions, tuning: SpillTuning) {
    const directory = resolve(options.directory);
    const { maxBytes, onDamaged } = options;
    const sixteenth = Math.ceil(maxBytes / 16);
    this.#options = { ...options, directory };
    this.#lookMs = tuning.lookMs ?? lookMs;
    this.#trouble = new Trouble(directory, options.onError);
    this.#neighbours = new Neighbours(directory);
    this.#queue = new SegmentQueue({
      trouble: this.#trouble,
      onDamaged,
      onMissing: () => this.#change("look after", () => later(this.#own.touch())),
    });
    this.#adoption = new Adoption(
      this.#waiting,
      (error) => this.#trouble.report("adopt", error),
      (entries) => this.#damage(entries),
    );
    this.#own = new OwnSegments({
      directory,
      maxBytes,
      segmentBytes:
        tuning.segmentBytes ?? Math.min(maxSegmentBytes, Math.max(minSegmentBytes, sixteenth)),
      waiting: this.#waiting,
      onBegin: (segment) => this.#queue.addOwn(segment),
      onComplete: (segment) => this.#queue.check(segment),
      onLost: (claimed) => {
        const unread = this.#queue.loseAll();
        // Those of a session that was claimed are its new owner's to send.
        if (!claimed) this.#damage(unread);
      },
      onRemoved: (segment) => this.#damage(this.#queue.lose(segment)),
      removeSettled: () => this.#queue.removeSettled(),
      onError: (error) => this.#trouble.report("write", error),
    });
    this.opened = this.#open();
  }

  get waiting(): { readonly entries: number; readonly bytes: number } {
    return { ...this.#waiting };
  }

  /** Never rejects. */
  async #open(): Promise<void> {
    const { directory } = this.#options;
    await this.#change("look after", async () => {
      await later(disk.mkdir(directory, { recursive: true, mode: 0o700 }));
    });
    await this.#look();
    this.#lookLater();
  }

  place(): Place {
    return this.#own.place();
  }

  async append(entries: readonly Uint8Array[], place?: SpillPlace): Promise<number> {
    let written = 0;
    await this.#change("write", async () => {
      if (this.#closed === undefined)
        written = await later(this.#own.append(entries, place as Place | undefined));
    });
    if (written > 0 && written === entries.length) this.#trouble.clear("write");
    return written;
  }

  appendSync(entries: readonly Uint8Array[], place?: SpillPlace): number {
    return this.#closed === undefined
      ? now(this.#own.append(entries, place as Place | undefined))
      : 0;
  }

  read(maxEntries: number, maxBytes: number): Promise<readonly ReadEntry[]> {
    const reading = this.#reading.then(() =>
      this.#closed === undefined ? this.#queue.read(maxEntries, maxBytes) : [],
    );
    this.#reading = reading;
    return reading;
  }

  settle(entry: SpilledEntry): void {
    const { segment } = entry as ReadEntry;
    segment.settle(entry);
    if (this.#closed !== undefined) return;
    this.#queue.check(segment);
    if (this.#queue.hasSettled) void this.#clean();
  }

  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  async #close(): Promise<void> {
    clearTimeout(this.#timer);
    await this.#looking;
    await this.#reading;
    this.#queue.close();
    await this.#clean();
    await this.#change("look after", async () => {
      // Adopted sessions of which nothing is left go.
      if (this.#own.session !== undefined) await this.#adoption.takeIn(this.#own.session);
    });
    await this.#change("look after", () => later(this.#own.leave()));
  }

  #lookLater(): void {
    if (this.#closed !== undefined) return;
    this.#timer = setTimeout(() => {
      this.#looking = this.#look().then(() => this.#lookLater());
    }, this.#lookMs);
    this.#timer.unref();
  }

  /** Shows that it lives, and adopts what the dead have left. Never rejects. */
  async #look(): Promise<void> {
    try {
      await this.#change("look after", () => later(this.#tend()));
      const dead = await this.#neighbours.look(this.#own.session?.path);
      if (dead.length > 0) await this.#change("look after", () => later(this.#claim(dead)));
      const adopted = await this.#adopt();
      if (this.#queue.retryDeferred() || adopted) this.#options.onReadable?.();
      this.#trouble.clear("look after");
    } catch (error) {
      this.#trouble.report("look after", error);
    }
  }

  *#tend(): Work<void> {
    yield* this.#own.touch();
    yield* this.#own.endSettled();
    yield* this.#queue.removeSettled();
  }

  *#claim(names: readonly string[]): Work<void> {
    const session = yield* this.#own.ensureSession();
    for (const name of names) {
      try {
        yield* session.claim(name);
      } catch (error) {
        this.#trouble.report("adopt", error);
      }
    }
  }

  /** Takes in what was claimed; answers whether there is something to read. */
  async #adopt(): Promise<boolean> {
    const { session } = this.#own;
    if (session === undefined) return false;
    const segments = await this.#adoption.takeIn(session);
    if (this.#own.session === session) this.#queue.addAdopted(segments);
    else for (const segment of segments) this.#queue.lose(segment);
    return segments.length > 0;
  }

  #clean(): Promise<void> {
    return this.#change("clean up", () => later(this.#queue.removeSettled()));
  }

  #damage(entries: number): void {
    if (entries > 0) this.#options.onDamaged(entries);
  }

  /** Does this when what was begun before is done. Never rejects. */
  #change(doing: Doing, work: () => Promise<unknown>): Promise<void> {
    const changing = this.#changing.then(work).then(
      () => undefined,
      (error: unknown) => this.#trouble.report(doing, error),
    );
    this.#changing = changing;
    return changing;
  }
}
