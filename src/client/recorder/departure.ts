import { pause } from "../backoff.ts";
import type { Accounts } from "./accounts.ts";
import type { Delivery } from "./delivery.ts";
import { bytesOf, type EncodedEntry } from "./encode-entry.ts";
import type { Pending } from "./lanes.ts";
import type { Memory } from "./memory.ts";
import { NotRecordedError } from "./recorder.ts";
import type { SpillPlace } from "./spill/spill.ts";

/** How long the disk is waited for. */
const diskMs = 5_000;

/** Entries that leave memory at the end, by their place on disk. */
type Departing = Map<SpillPlace | undefined, Pending[]>;

/** What a recorder leaves behind, and where. */
export interface DepartureOptions {
  readonly memory: Memory;
  readonly delivery: Delivery;
  readonly accounts: Accounts;
  /** Everything is on disk, or lost: the end of the process need not be waited for. */
  readonly onLeft: () => void;
}

/** The end of a recorder: what is only in memory goes to disk as far as there is one, and else is lost. */
export class Departure {
  readonly #options: DepartureOptions;
  /** What is just being written. */
  #departing: Departing = new Map();
  #isHanging = false;

  constructor(options: DepartureOptions) {
    this.#options = options;
  }

  /** Leaves everything; gives up waiting for a disk that hangs. Never rejects. */
  async leave(): Promise<void> {
    await this.#options.delivery.stop();
    const waited = new AbortController();
    const left = this.#leaveOnDisk().then(() => true);
    const late = pause(diskMs, waited.signal).then(() => false);
    this.#isHanging = !(await Promise.race([left, late]));
    waited.abort();
  }

  /** The process ends now. */
  abandon(): void {
    const { delivery, memory, accounts } = this.#options;
    // A disk that did not answer in time would now hold up the end of the process.
    const spill = this.#isHanging ? undefined : memory.spill;
    const rest = leaving([...delivery.inFlight, ...memory.abandon()]);
    for (const [place, entries] of [...this.#departing, ...rest]) {
      const bytes = entries.map(bytesOf);
      this.#leave(entries, spill?.appendSync(bytes, place) ?? 0);
    }
    const holes = accounts.takeHoles().map(bytesOf);
    this.#left(spill?.appendSync(holes) ?? 0);
  }

  async #leaveOnDisk(): Promise<void> {
    const { memory, accounts, onLeft } = this.#options;
    const { spill } = memory;
    this.#departing = leaving(await memory.empty());
    for (const [place, entries] of this.#departing) {
      const bytes = entries.map(bytesOf);
      const written = (await spill?.append(bytes, place)) ?? 0;
      this.#departing.delete(place);
      this.#leave(entries, written);
    }
    // What is lost now, the next process tells the log, if the disk takes that at least.
    const holes = accounts.takeHoles().map(bytesOf);
    this.#left((await spill?.append(holes)) ?? 0);
    await spill?.close();
    onLeft();
  }

  /** So many of the entries are on disk; the others are lost. */
  #leave(entries: readonly EncodedEntry[], written: number): void {
    const { accounts } = this.#options;
    accounts.tally.spilled += written;
    for (const entry of entries.slice(written)) accounts.drop(entry, "exit");
  }

  /** Everything has been left, and so many entries that tell of holes with it. */
  #left(holes: number): void {
    const { accounts } = this.#options;
    accounts.tally.taken += holes;
    accounts.tally.spilled += holes;
    accounts.tellDropped();
    const why = "left on disk: it is recorded when the directory is opened again";
    accounts.waiters.failAll(new NotRecordedError("unknown", "exit", why));
  }
}

/** What is only in memory, by its place on disk. What came from there is there still. */
function leaving(pending: readonly Pending[]): Departing {
  const rest = pending.filter(({ spilled }) => spilled === undefined);
  return Map.groupBy(rest, ({ place }) => place);
}
