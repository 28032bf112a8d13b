import { DiskSpill, type SpillTuning } from "./disk-spill.ts";
import type { Spill, SpillOptions } from "./spill.ts";

/**
 * Opens a spill directory, and adopts what dead processes have left there. Never throws for a directory that
 * cannot be used: that is told to `onError`, and it is tried again by every later call and every few seconds.
 *
 * `tuning` is for tests.
 */
export function openSpill(options: SpillOptions, tuning: SpillTuning = {}): Spill {
  return new DiskSpill(options, tuning);
}
