/** Where the last checkpoint of each log is remembered, by the checkpoint's origin. */
export interface CheckpointMemory {
  /** The remembered note. */
  get(origin: string): Promise<string | undefined>;
  /**
   * Remembers a note in place of `expected` (undefined: of nothing), in one atomic step. Answers
   * false, and changes nothing, if something else is remembered by now.
   */
  replace(origin: string, expected: string | undefined, note: string): Promise<boolean>;
}
