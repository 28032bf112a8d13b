/** The result of a walk over a whole log, in words. */
import type { WalkedLog } from "./walk-log.ts";

/** What a person reads: no more than what was shown. */
export interface WalkWords {
  readonly title: string;
  /** Whether it was the whole log, from its first entry on. */
  readonly isWhole: boolean;
  /** A sentence or more each. */
  readonly sentences: readonly string[];
}

/** The verdict on a walk that came to its end. */
export function walkWords({
  opened,
  erased,
  withheld,
  pruned,
  checkpoint,
}: Pick<WalkedLog, "opened" | "erased" | "withheld" | "pruned" | "checkpoint">): WalkWords {
  const { size } = checkpoint;
  const isWhole = pruned === 0n;
  if (size === 0n) {
    const sentences = ["The log is empty, and that is what was signed."];
    return { title: "Nothing has been tampered with", isWhole, sentences };
  }
  const kept = size - pruned;
  const all = `${kept.toLocaleString("en")} entries${isWhole ? "" : " that are still kept"}`;
  const read = withheld === 0 ? `All ${all}` : `${opened.toLocaleString("en")} of ${all}`;
  const sentences = [
    `${read} were read, and each is as it was recorded: none is missing, added or moved.`,
  ];
  if (!isWhole) {
    sentences.push(
      `The first ${pruned.toLocaleString("en")} are not there any more. Servers let go of old entries after an agreed time; ask those who run this one whether it was right. What they said was not seen.`,
    );
  }
  if (withheld > 0) {
    sentences.push(
      `Of the other ${withheld.toLocaleString("en")}, which you may not read, only the fingerprints came. They are in their places; what they say was not seen.`,
    );
  }
  if (erased > 0) {
    sentences.push(
      `The details of ${erased.toLocaleString("en")} were erased, and for each a later entry says who did that.`,
    );
  }
  return { title: titleOf(isWhole, withheld), isWhole, sentences };
}

function titleOf(isWhole: boolean, withheld: number): string {
  if (!isWhole) return "What is left is as it was recorded, but the beginning is not there";
  if (withheld > 0) return "Nothing that you may read has been tampered with";
  return "Nothing has been tampered with";
}
