/** The result of a walk over a whole log, in words. */
import type { WalkedLog } from "./walk-log.ts";

/** A sentence or more each, for a person. */
export function walkWords({
  opened,
  erased,
  withheld,
  checkpoint,
}: Pick<WalkedLog, "opened" | "erased" | "withheld" | "checkpoint">): string[] {
  const total = checkpoint.size.toLocaleString("en");
  if (checkpoint.size === 0n) return ["The log is empty, and that is what was signed."];
  const words = [
    withheld === 0
      ? `All ${total} entries were read, and each is as it was recorded: none is missing, added or moved.`
      : `${opened.toLocaleString("en")} of ${total} entries were read, and each is as it was recorded: none is missing, added or moved.`,
  ];
  if (withheld > 0) {
    words.push(
      `Of the other ${withheld.toLocaleString("en")}, which you may not read, only the fingerprints came. They are in their places; what they say was not seen.`,
    );
  }
  if (erased > 0) {
    words.push(
      `The details of ${erased.toLocaleString("en")} were erased, and for each a later entry says who did that.`,
    );
  }
  return words;
}
