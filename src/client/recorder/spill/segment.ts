import { headerBytes, recordBytes } from "./segment-format.ts";
import { SegmentReader } from "./segment-reader.ts";
import type { SpilledEntry } from "./spill.ts";

/** What waits in all segments together. */
export interface Waiting {
  entries: number;
  bytes: number;
}

/** An entry that was read back from a segment. */
export interface ReadEntry extends SpilledEntry {
  readonly segment: Segment;
}

/** One file of entries: what of it has been read, what has been settled. */
export class Segment {
  readonly path: string;
  /** How much of the file is entries for sure: what has been written and synced, or was found. */
  size = 0;
  /** The number that follows the last record's, as far as it is known. */
  end: number | undefined;
  /** Whether nothing more is appended. */
  complete = false;
  /** Whether it is ours no longer: claimed by another process, or removed. */
  lost = false;
  /** Whether reading it failed; it is tried again later. */
  deferred = false;
  readonly #reader: SegmentReader;
  readonly #waiting: Waiting;
  readonly #unread: Waiting = { entries: 0, bytes: 0 };
  readonly #unsettled = new Set<SpilledEntry>();
  #told = 0;
  #reading = false;
  #closing = false;

  /** `first` is the number of its first record, if it is known; `waiting` is kept up to date. */
  constructor(path: string, waiting: Waiting, first?: number) {
    this.path = path;
    this.#waiting = waiting;
    this.#reader = new SegmentReader(path, first);
  }

  /** It has more entries now, and they end at `size`. Their bytes count with what records take. */
  grow(entries: number, bytes: number, size: number): void {
    this.size = size;
    this.#count(this.#unread, entries, bytes);
    this.#count(this.#waiting, entries, bytes);
  }

  /**
   * The next entries, as {@link SegmentReader.read}.
   *
   * @throws Error of `node:fs`, or if the segment's version is not known.
   */
  async read(maxEntries: number, maxBytes: number, atLeastOne: boolean): Promise<ReadEntry[]> {
    const payloads = await this.#readPayloads(maxEntries, maxBytes, atLeastOne);
    if (this.lost) return [];
    return payloads.map((bytes) => {
      const entry: ReadEntry = { bytes, segment: this };
      const known = Math.min(1, this.#unread.entries);
      this.#count(this.#unread, -known, -known * recordBytes(bytes));
      this.#count(this.#waiting, 1 - known, (1 - known) * recordBytes(bytes));
      this.#unsettled.add(entry);
      return entry;
    });
  }

  /** Whether there is nothing more to read of what it holds now. */
  get isRead(): boolean {
    return this.#reader.offset >= this.size;
  }

  /** Whether nothing of it waits any more: all was settled, or is known to be damaged. */
  get isSettled(): boolean {
    return this.#unread.entries === 0 && this.#unsettled.size === 0;
  }

  /** Says that an entry need not be kept. */
  settle(entry: SpilledEntry): void {
    if (!this.#unsettled.delete(entry)) return;
    this.#count(this.#waiting, -1, -recordBytes(entry.bytes));
  }

  /** What was not read waits no longer. Answers how many entries that were. */
  forgetUnread(): number {
    const { entries, bytes } = this.#unread;
    this.#count(this.#unread, -entries, -bytes);
    this.#count(this.#waiting, -entries, -bytes);
    return entries;
  }

  /** How many entries were found to be damaged since this was asked last, by its reader or another. */
  takeDamage(reader = this.#reader): number {
    const isWhole = this.complete && reader.offset >= this.size;
    const found = isWhole ? damageIn(reader, this.size, this.end) : reader.damaged;
    const news = Math.max(0, found - this.#told);
    this.#told += news;
    return news;
  }

  /** Closes the file, once it is not being read. */
  close(): void {
    this.#closing = true;
    if (!this.#reading) this.#reader.close();
  }

  async #readPayloads(...limits: [number, number, boolean]): Promise<Uint8Array[]> {
    this.#reading = true;
    this.#closing = false;
    try {
      return await this.#reader.read(this.size, ...limits);
    } finally {
      this.#reading = false;
      if (this.#closing) this.#reader.close();
    }
  }

  #count(what: Waiting, entries: number, bytes: number): void {
    what.entries += entries;
    what.bytes += bytes;
  }
}

/** How many entries of a segment could not be read, as well as one can tell. */
function damageIn(reader: SegmentReader, size: number, end: number | undefined): number {
  const { next, damaged, isRecognised } = reader;
  const atEnd = end === undefined || next === undefined ? 0 : Math.max(0, end - next);
  // Of what is not recognised at all one knows only that there was something.
  return Math.max(damaged + atEnd, !isRecognised && size > headerBytes ? 1 : 0);
}
