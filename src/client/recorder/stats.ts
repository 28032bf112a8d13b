/** What a recorder tells of itself. */
import type { NewEntry } from "../new-entry.ts";

/**
 * Why an entry was dropped:
 * - `overflow`: memory was full, and there was no `spillDirectory`, no room in it, or a disk that fails or has
 *   fallen behind by eight times the memory;
 * - `exit`: the recorder was closed, or the process ended, with the server unreachable and no room to
 *   spill;
 * - `closed`: it was recorded after `close`;
 * - `damaged`: it was spilled, and could not be read back whole.
 */
export type DropReason = "overflow" | "exit" | "closed" | "damaged";

/** Counts since the recorder was made, and what it holds now. */
export interface RecorderStats {
  /** Entries taken by `record`, `recordAndWait`, and from the spill of earlier processes. */
  readonly taken: number;
  /** Entries that the server has acknowledged. */
  readonly recorded: number;
  /** Entries refused, by the server's ErrorReason or, if they never left, by `UNENCODABLE`. */
  readonly refused: Readonly<Record<string, number>>;
  /** Entries dropped. */
  readonly dropped: Readonly<Record<DropReason, number>>;
  /** Entries written to disk. */
  readonly spilled: number;
  /** Calls that failed and were tried again. */
  readonly retries: number;
  /** What waits in memory: entries, and their bytes encoded. Those read back from disk count there, too. */
  readonly waiting: { readonly entries: number; readonly bytes: number };
  /** What waits on disk. */
  readonly onDisk: { readonly entries: number; readonly bytes: number };
}

/** What a recorder's listeners are told. */
export interface RecorderEvents {
  /** An entry will never be recorded: it is invalid, or not allowed. Mostly a mistake in a program. */
  refused: { readonly entry: RefusedEntry; readonly reason: string; readonly message: string };
  /** Entries were lost. */
  dropped: { readonly reason: DropReason; readonly entries: number };
  /** The server cannot be reached, or cannot take entries: they wait and are sent again. */
  unreachable: { readonly error: Error; readonly failures: number; readonly retryInMs: number };
  /** Entries are being recorded again. */
  reachable: Record<string, never>;
  /** The spill directory cannot be written or read. */
  spill_failed: { readonly error: Error };
  /** A part of an entry was wrong and was left out or replaced; the rest is recorded. */
  amended: { readonly action: string; readonly message: string };
}

/** Enough of a refused entry to find it: not its details, which may be secret. */
export type RefusedEntry = Pick<NewEntry, "action"> & {
  readonly id: string;
  readonly teamId: string;
  readonly resourceType: string;
};
