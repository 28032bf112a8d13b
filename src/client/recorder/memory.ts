import { getHeapStatistics } from "node:v8";
import type { EncodedEntry } from "./encode-entry.ts";
import { Epochs } from "./epochs.ts";
import { Lanes, type Pending } from "./lanes.ts";
import { Overflow, type Room } from "./overflow.ts";
import { openSpill } from "./spill/open-spill.ts";
import type { Spill } from "./spill/spill.ts";

/** As much of its queue as the server gives one team. */
const heldShare = 1 / 4;
/**
 * So many times its limits memory may take while the disk keeps up: a burst comes within one turn of the
 * event loop, in which the disk cannot have taken anything. At 8 µs an entry, one of 80,000 has already held
 * its own process up for two thirds of a second.
 */
const burstFactor = 8;
/**
 * So much of V8's heap, where entries lie, a burst may take at most: beyond its limit V8 ends the process. A
 * small one (`--max-old-space-size=96`) did not survive eight times 16 MiB.
 */
const burstHeapShare = 1 / 8;

/** How much memory, what lies behind it, and whom it tells. */
export interface MemoryOptions {
  readonly maxEntries: number;
  readonly maxBytes: number;
  readonly spillDirectory: string | undefined;
  readonly spillMaxBytes: number;
  /** There is something to send. */
  readonly onReady: () => void;
  /** So many entries are on disk now, and no longer in memory. */
  readonly onSpilled: (entries: number) => void;
  /** So many entries of earlier processes were found. */
  readonly onAdopted: (entries: number) => void;
  /** So many entries on disk cannot be read back. */
  readonly onDamaged: (entries: number) => void;
  readonly onSpillError: (error: Error) => void;
  /** The directory has opened: what it holds is known. */
  readonly onOpened: () => void;
}

/** The entries in memory: those that can be sent, those on their way to disk; and the disk behind it. */
export class Memory {
  /** What can be sent. */
  readonly lanes = new Lanes();
  /** The disk, if there is one. */
  readonly spill: Spill | undefined;
  readonly #epochs = new Epochs();
  readonly #options: MemoryOptions;
  readonly #overflow: Overflow | undefined;
  /** What is in memory and not settled, wherever it is on its way. */
  readonly #held = { entries: 0, bytes: 0 };
  readonly #burstBytes: number;
  #isOpened = true;

  constructor(options: MemoryOptions) {
    this.#options = options;
    const heapBytes = getHeapStatistics().heap_size_limit * burstHeapShare;
    this.#burstBytes = Math.max(
      options.maxBytes,
      Math.min(options.maxBytes * burstFactor, heapBytes),
    );
    const { spillDirectory: directory, spillMaxBytes, onSpilled, onAdopted } = options;
    const { onSpillError: onError, onDamaged, onOpened } = options;
    if (directory === undefined) return;
    const spill = openSpill({
      ...{ directory, maxBytes: spillMaxBytes, onError, onDamaged },
      onReadable: () => this.#overflow?.readAgain(),
    });
    this.spill = spill;
    this.#isOpened = false;
    void spill.opened.then(() => {
      this.#isOpened = true;
      onOpened();
    });
    this.#overflow = new Overflow({
      ...{ spill, spillMaxBytes, onAdopted, onError },
      room: () => this.#room(),
      send: (entries) => this.#send(entries),
      onSpilled: (entries) => {
        onSpilled(entries.length);
        for (const entry of entries) this.#release(entry);
      },
    });
  }

  /** Begins a new epoch; answers whether all that was taken before is settled, and nothing is on disk. */
  settled(): () => boolean {
    const epoch = this.#epochs.advance();
    return () =>
      !this.#epochs.has(epoch) && this.#isOpened && (this.spill?.waiting.entries ?? 0) === 0;
  }

  /** What it holds. */
  get held(): { readonly entries: number; readonly bytes: number } {
    return this.#held;
  }

  /** Keeps an entry until it is settled; answers false if there is no room for it. */
  take(encoded: EncodedEntry): boolean {
    if (this.#isFull(encoded.data.length) || this.#hasItsShare(encoded.teamId)) return false;
    this.keep(encoded);
    return true;
  }

  /** Keeps an entry until it is settled, room or no room. */
  keep(encoded: EncodedEntry): void {
    const { id, teamId, data } = encoded;
    const epoch = this.#epochs.take();
    const pending: Pending = { id, teamId, data, epoch, failures: 0, place: undefined };
    this.#held.entries += 1;
    this.#held.bytes += data.length;
    if (this.#overflow !== undefined && (this.#overflow.active || !this.hasRoom)) {
      this.#overflow.push(pending);
    } else {
      pending.place = this.spill?.place();
      this.lanes.push(pending);
      this.#options.onReady();
    }
  }

  /** The entry is recorded or refused. */
  settle(pending: Pending): void {
    this.#release(pending);
    if (pending.spilled !== undefined) this.spill?.settle(pending.spilled);
  }

  /** Whether more that can be sent has room. */
  get hasRoom(): boolean {
    const { entries, bytes } = this.#room();
    return entries > 0 && bytes > 0;
  }

  /** There is room again, or else something to do. */
  wake(): void {
    this.#overflow?.wake();
  }

  /** Holds nothing any more; answers what it held, in order. */
  async empty(): Promise<Pending[]> {
    const waiting = await this.#overflow?.stop();
    const left = [...this.lanes.clear(), ...(waiting ?? [])];
    for (const pending of left) this.#release(pending);
    return left;
  }

  /** What it holds besides what is on its way, in order: for a process that is about to end. */
  abandon(): Pending[] {
    return [...this.lanes.clear(), ...(this.#overflow?.unwritten ?? [])];
  }

  #isFull(more: number): boolean {
    const { maxEntries, maxBytes } = this.#options;
    const entries = this.#held.entries + 1;
    const bytes = this.#held.bytes + more;
    if (entries <= maxEntries && bytes <= maxBytes) return false;
    const isBurst = entries <= maxEntries * burstFactor && bytes <= this.#burstBytes;
    return !(isBurst && this.#overflow?.keepsUp);
  }

  /** Whether a team that the server cannot take now has as much of memory as it may without a disk. */
  #hasItsShare(teamId: string): boolean {
    if (this.#overflow !== undefined) return false;
    return this.lanes.heldOf(teamId) >= this.#options.maxEntries * heldShare;
  }

  /** Entries that came by way of the overflow can be sent. */
  #send(entries: readonly Pending[]): void {
    for (const entry of entries) {
      if (entry.spilled !== undefined) {
        this.#held.entries += 1;
        this.#held.bytes += entry.data.length;
      }
      this.lanes.push(entry);
    }
    this.#options.onReady();
  }

  /** What is left of the half of memory for what can be sent; the other is for what is on its way to disk. */
  #room(): Room {
    const { maxEntries, maxBytes } = this.#options;
    const waiting = this.#overflow?.waiting ?? { entries: 0, bytes: 0 };
    return {
      entries: Math.ceil(maxEntries / 2) - (this.#held.entries - waiting.entries),
      bytes: Math.ceil(maxBytes / 2) - (this.#held.bytes - waiting.bytes),
    };
  }

  /** The entry is in memory no longer. */
  #release(pending: Pending): void {
    this.#held.entries -= 1;
    this.#held.bytes -= pending.data.length;
    this.#epochs.settle(pending.epoch);
  }
}
