import type { Logger } from "pino";
import type { CallSignal } from "../call-signal.ts";
import type { Hub } from "../feed/hub.ts";
import type { EntryId, PrefixRegistry } from "../ids.ts";
import type { Entry, NewEntry } from "../log/entry.ts";
import type { Notary } from "../proof/notary.ts";
import type { AppendOptions } from "../store/append.ts";
import type { Queryable } from "../store/pool.ts";
import type { Turns } from "../store/turns.ts";
import type { StreamCounter } from "./stream-counter.ts";
import type { SummaryTurns } from "./summary-turns.ts";

/** What the handlers work with: one plain value, made when the server starts. */
export interface Services {
  readonly db: Queryable;
  readonly hub: Hub;
  readonly prefixes: PrefixRegistry;
  readonly logger: Logger;
  /** Records through the group commit. */
  readonly record: (entry: NewEntry, signal: CallSignal) => Promise<Entry>;
  /** The same for one batch: within each team its entries are recorded in the order of the calls. */
  readonly recordInOrder: (signal: CallSignal) => (entry: NewEntry) => Promise<Entry>;
  /** Does something and records that it did, in one transaction; see `Acts`. */
  readonly act: (
    entry: NewEntry,
    act: NonNullable<AppendOptions["alongside"]>,
    signal: AbortSignal,
  ) => Promise<Entry>;
  /** Signs checkpoints; absent if the server has no key for it. */
  readonly notary?: Notary;
  readonly makeId: () => EntryId;
  readonly streams: StreamCounter;
  readonly summaryTurns: SummaryTurns;
  /** For lists and streams under a filter that matches rarely. */
  readonly searchTurns: Turns;
  readonly streamMaxAgeMs: number;
  readonly heartbeatMs: number;
  /** How often a stream's credential is looked at again. */
  readonly credentialCheckMs: number;
  /** Aborts when the server begins to shut down. */
  readonly shutdown: AbortSignal;
}
