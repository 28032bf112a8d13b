import type { EntryJson } from "../entry-json.ts";
import type { NewEntry } from "../new-entry.ts";
import type { RecorderEvents, RecorderStats } from "./stats.ts";

/** Records entries without ever throwing into, blocking or slowing whoever calls `record`. */
export interface Recorder extends AsyncDisposable {
  /**
   * Takes an entry and returns at once; never throws. It is encoded now, so that what the caller changes
   * afterwards is not recorded. What becomes of it is told by `stats` and the events.
   *
   * Entries of one team are recorded in the order of these calls.
   */
  record(entry: NewEntry): void;
  /**
   * The same, for who must know: resolves with the entry as the server stored it.
   *
   * @throws NotRecordedError with the reason: refused by the server, dropped, or the time was up (it may
   *   then yet be recorded).
   */
  recordAndWait(entry: NewEntry, options?: WaitOptions): Promise<EntryJson>;
  /**
   * Waits until every entry taken so far, those on disk included, is recorded, refused or dropped.
   * Answers whether that came about within the time, 10 s unless given, and before the recorder was closed.
   * Never throws.
   */
  flush(options?: { readonly timeoutMs?: number }): Promise<boolean>;
  /**
   * Flushes (5 s unless given), then gives what is left to the disk, or drops and counts it, and closes
   * the connection. Entries recorded afterwards are dropped. Never throws; calling it again waits for the
   * first call.
   */
  close(options?: { readonly timeoutMs?: number }): Promise<void>;
  /** What has become of entries so far; a copy. */
  readonly stats: RecorderStats;
  /**
   * Calls the listener on every such event, until the answered function is called. What a listener throws
   * becomes a process warning.
   */
  on<Name extends keyof RecorderEvents>(
    event: Name,
    listener: (event: RecorderEvents[Name]) => void,
  ): () => void;
}

/** How long to wait. */
export interface WaitOptions {
  /** 30 s unless given. */
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
}

/** Why an entry was not recorded: `refused` by the server, `dropped`, or not known in `time`. */
export class NotRecordedError extends Error {
  override readonly name = "NotRecordedError";
  readonly outcome: "refused" | "dropped" | "unknown";
  /** The server's ErrorReason (`INVALID_FIELD`), or why it was dropped (`overflow`). */
  readonly reason: string;

  constructor(outcome: NotRecordedError["outcome"], reason: string, message: string) {
    super(message);
    this.outcome = outcome;
    this.reason = reason;
  }
}
