import type { DropReason, RecorderStats } from "./stats.ts";

/** Every reason for which entries are dropped. */
export const dropReasons: readonly DropReason[] = ["overflow", "exit", "closed", "damaged"];

/** The counts of a recorder. */
export class Tally {
  taken = 0;
  recorded = 0;
  spilled = 0;
  retries = 0;
  readonly dropped: Record<DropReason, number> = { overflow: 0, exit: 0, closed: 0, damaged: 0 };
  readonly #refused = new Map<string, number>();

  /** Counts a refused entry. */
  refuse(reason: string): void {
    this.#refused.set(reason, (this.#refused.get(reason) ?? 0) + 1);
  }

  /** The counts as they are now. */
  copy(): Omit<RecorderStats, "waiting" | "onDisk"> {
    const { taken, recorded, spilled, retries } = this;
    const refused = Object.fromEntries(this.#refused);
    return { taken, recorded, refused, dropped: { ...this.dropped }, spilled, retries };
  }
}
