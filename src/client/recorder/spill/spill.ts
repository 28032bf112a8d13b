/** Entries that wait on disk, for as long as memory has no room for them or the server is away. */

/** A point in the order of entries. */
export type SpillPlace = object;

/** An entry read back. */
export interface SpilledEntry {
  /** As it was given to `append`. */
  readonly bytes: Uint8Array;
  /** Where it lies, for `settle`. */
  readonly segment: object;
}

/**
 * A spill directory, shared by any number of processes, also of several machines or containers on one
 * volume. Each writes segments of its own; those of dead processes are adopted, by who opens the directory or
 * has it open, and come before one's own, oldest first.
 *
 * What `append` says is written survives kill -9 and, as far as the disk keeps its word, power loss. It
 * may be read back more than once (after a crash, or if a frozen process comes back), which harms nothing
 * since entries have ids. It is lost if somebody removes it, or the disk damages it; that is told.
 *
 * A process is dead at once when it closed, or is gone as far as its own machine can tell, and else when it
 * has not touched its session for a minute. A process that was only frozen so long notices, and writes again
 * what was not yet acknowledged. On a network file system it does as far as that shows at once what others
 * rename.
 */
export interface Spill {
  /**
   * Resolves once what dead processes have left is counted, which for 256 MiB takes about a second; never
   * rejects. Until then there is nothing to read; entries can be appended at once.
   */
  readonly opened: Promise<void>;
  /** What has been written or adopted and not been settled. */
  readonly waiting: { readonly entries: number; readonly bytes: number };
  /**
   * Where the order is now: behind what was appended, before what is from now on. Not while an `append` is
   * under way: of that, part may come on either side.
   */
  place(): SpillPlace;
  /**
   * Appends entries in order and syncs. Answers how many of them, from the first on, are on disk: fewer
   * than given if there is no room, or the disk fails (`onError` hears of it), or the next is longer than
   * 4 MiB. Later calls try again. Never rejects. One call at a time.
   *
   * With a place they come there, before what was appended since, for whoever opens the directory next:
   * for a process that closes, since what this one has read on already is not read again.
   */
  append(entries: readonly Uint8Array[], place?: SpillPlace): Promise<number>;
  /**
   * The same for a process that is about to end, when nothing asynchronous happens any more. What an
   * `append` has not yet answered for should be given again.
   */
  appendSync(entries: readonly Uint8Array[], place?: SpillPlace): number;
  /**
   * The next entries, oldest first, each once: goes on where the last call ended. At least one if there are
   * any, however large; empty if there are no more now, even if some wait that the disk fails to give.
   * Never rejects: what cannot be read back is passed over and told to `onDamaged`. One call at a time; may
   * run beside `append`.
   */
  read(maxEntries: number, maxBytes: number): Promise<readonly SpilledEntry[]>;
  /** Says that an entry need not be kept: it was recorded or refused. A segment goes with its last one. */
  settle(entry: SpilledEntry): void;
  /** Lets others adopt at once what is left. Never rejects. */
  close(): Promise<void>;
}

/** Where to spill and how much. What these functions throw is not caught. */
export interface SpillOptions {
  /** Made if it is missing (mode 0700: entries may name people). */
  readonly directory: string;
  /**
   * The most bytes of all segments in the directory, those of other processes included. Exact for one
   * process; several that write at the same time may together exceed it by a segment each, which is a
   * sixteenth of it, from 64 KiB to 4 MiB.
   */
  readonly maxBytes: number;
  /** Told of a disk that cannot be written or read, once for as long as it fails in the same way. */
  readonly onError: (error: Error) => void;
  /** Told of records that cannot be read back: how many, as well as one can tell. */
  readonly onDamaged: (entries: number) => void;
  /** Told that `read` may have more though nothing was appended: a neighbour died, or a disk works again. */
  readonly onReadable?: () => void;
}
