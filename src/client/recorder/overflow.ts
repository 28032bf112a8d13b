import { pause } from "../backoff.ts";
import { bytesOf } from "./encode-entry.ts";
import type { Pending } from "./lanes.ts";
import { pendingOf } from "./read-back.ts";
import type { Spill } from "./spill/spill.ts";

/** Read at a time. */
const chunkEntries = 500;
const chunkBytes = 1024 * 1024;
/** Written at a time at most: with one sync for all, so that a disk slow to sync keeps up with a burst. */
const writtenEntries = 8_000;
const writtenBytes = 4 * 1024 * 1024;
/** How soon a disk without room is tried again. */
const retryMs = 1_000;

/** Room for entries; there is none if either is not above 0. */
export interface Room {
  readonly entries: number;
  readonly bytes: number;
}

/** What the overflow works for. */
export interface OverflowOptions {
  readonly spill: Spill;
  /** The most bytes that may wait there. */
  readonly spillMaxBytes: number;
  /** How much more to send memory has room for. */
  readonly room: () => Room;
  /** Takes entries to be sent, in order. */
  readonly send: (entries: readonly Pending[]) => void;
  /** They are on disk, and no longer in memory. */
  readonly onSpilled: (entries: readonly Pending[]) => void;
  /** Entries of earlier processes were found. */
  readonly onAdopted: (entries: number) => void;
  /**
   * How long nothing is sent for want of knowing what lies on disk; 10 s. Then memory alone serves, until
   * the directory opens.
   */
  readonly patienceMs?: number;
  /** Something went wrong that nobody has thought of. */
  readonly onError: (error: Error) => void;
}

/**
 * Entries that memory has no room to send yet, on their way to disk and back. While it is active all new
 * entries go this way, so that they stay in order: what is on disk, then what waits to be written.
 */
export class Overflow {
  readonly #options: OverflowOptions;
  readonly #stop = new AbortController();
  readonly #ended: Promise<void>;
  #wake = Promise.withResolvers<void>();
  #buffer: Pending[] = [];
  #bytes = 0;
  /** Written here, not read back. What is read beyond that comes from earlier processes. */
  #unread = 0;
  /** Whether there may be something to read. At first there may, of earlier processes. */
  #readable = true;
  #reading = false;
  #isOpened = false;
  /** Whether the disk took all that it was last given. */
  #takes = true;

  constructor(options: OverflowOptions) {
    this.#options = options;
    this.#ended = this.#run();
  }

  /** Whether new entries must go this way. */
  get active(): boolean {
    return this.#readable || this.#reading || this.#buffer.length > 0;
  }

  /** Whether what comes now will have room on disk, as far as one knows: the disk works and is not full. */
  get keepsUp(): boolean {
    const { spill, spillMaxBytes } = this.#options;
    return this.#takes && spill.waiting.bytes + this.#bytes < spillMaxBytes;
  }

  /** What waits to be written: entries in memory. */
  get waiting(): { readonly entries: number; readonly bytes: number } {
    return { entries: this.#buffer.length, bytes: this.#bytes };
  }

  /** What is not on disk for sure: for a process that is about to end. */
  get unwritten(): readonly Pending[] {
    return this.#buffer;
  }

  /** Takes a new entry. */
  push(entry: Pending): void {
    this.#buffer.push(entry);
    this.#bytes += entry.data.length;
    this.wake();
  }

  /** Memory has room again, or there is something to do. */
  wake(): void {
    this.#wake.resolve();
  }

  /** There is more on disk, of a process that has died. */
  readAgain(): void {
    this.#readable = true;
    this.wake();
  }

  /** Ends; answers what has not been written. */
  async stop(): Promise<Pending[]> {
    this.#stop.abort();
    this.wake();
    await this.#ended;
    return this.#remove(this.#buffer.length);
  }

  async #run(): Promise<void> {
    const { spill, onError } = this.#options;
    const opened = spill.opened.then(() => {
      this.#isOpened = true;
      this.#takes = true;
      this.wake();
    });
    const { patienceMs = 10_000 } = this.#options;
    await Promise.race([opened, pause(patienceMs, this.#stop.signal, false)]);
    if (!this.#isOpened && !this.#stop.signal.aborted) {
      this.#takes = false;
      onError(new Error(`the spill directory did not answer within ${patienceMs / 1_000} s`));
    }
    while (!this.#stop.signal.aborted) {
      this.#wake = Promise.withResolvers<void>();
      try {
        await this.#turn();
      } catch (error) {
        onError(error instanceof Error ? error : new Error(String(error)));
        await pause(retryMs, this.#stop.signal, false);
      }
    }
  }

  async #turn(): Promise<void> {
    const room = this.#options.room();
    const hasRoom = room.entries > 0 && room.bytes > 0;
    if (this.#isOpened && this.#readable && hasRoom) await this.#read(room);
    else if (this.#buffer.length === 0) await this.#wake.promise;
    else if (hasRoom) this.#pass(room);
    else if (this.#isOpened) await this.#write();
    else await this.#wake.promise;
  }

  /** Reads from the disk what comes next. */
  async #read(room: Room): Promise<void> {
    const { spill, send, onAdopted } = this.#options;
    this.#readable = false;
    this.#reading = true;
    const most = {
      entries: Math.min(chunkEntries, room.entries),
      bytes: Math.min(chunkBytes, room.bytes),
    };
    const entries = await spill.read(most.entries, most.bytes).finally(() => {
      this.#reading = false;
    });
    const own = Math.min(entries.length, this.#unread);
    this.#unread -= own;
    if (entries.length > own) onAdopted(entries.length - own);
    if (entries.length > 0) this.#readable = true;
    send(entries.map(pendingOf));
  }

  /** Nothing is on disk: what waits to be written need not go there. */
  #pass(room: Room): void {
    const { spill, send } = this.#options;
    const place = spill.place();
    const chunk = this.#first(room);
    for (const entry of chunk) entry.place = place;
    this.#remove(chunk.length);
    send(chunk);
  }

  async #write(): Promise<void> {
    const { spill } = this.#options;
    const chunk = this.#first({ entries: writtenEntries, bytes: writtenBytes });
    const written = await spill.append(chunk.map(bytesOf));
    this.#takes = written === chunk.length;
    this.#remove(written);
    this.#unread += written;
    if (written > 0) this.#readable = true;
    if (written > 0) this.#options.onSpilled(chunk.slice(0, written));
    if (written < chunk.length) await pause(retryMs, this.#stop.signal, false);
  }

  /** As many of what waits to be written as fit, but one at least. */
  #first(room: Room): Pending[] {
    let bytes = 0;
    let end = 0;
    for (let entry = this.#buffer[0]; entry && end < room.entries; entry = this.#buffer[end]) {
      bytes += entry.data.length;
      if (end > 0 && bytes > room.bytes) break;
      end += 1;
    }
    return this.#buffer.slice(0, end);
  }

  #remove(count: number): Pending[] {
    const removed = this.#buffer.splice(0, count);
    for (const { data } of removed) this.#bytes -= data.length;
    return removed;
  }
}
