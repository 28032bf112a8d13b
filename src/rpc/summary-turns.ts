import { AuditError } from "../errors.ts";
import { summaryTurns } from "../limits.ts";
import { Turns } from "../store/turns.ts";

/** Whose turn it is to count, by how: who counts by sums does not wait for who reads entries. */
export interface SummaryTurns {
  readonly sums: Turns;
  readonly reading: Turns;
}

/** None at work yet. */
export function openSummaryTurns(): SummaryTurns {
  const open = () => new Turns({ ...summaryTurns, refusal: tooMany });
  return { sums: open(), reading: open() };
}

function tooMany(): AuditError {
  return new AuditError("QUEUE_FULL", "too many summaries are being made", {
    metadata: { limit: "summaries" },
    retryDelayMs: 1_000,
  });
}
