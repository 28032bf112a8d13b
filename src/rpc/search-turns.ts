import { AuditError } from "../errors.ts";
import { searchTurns } from "../limits.ts";
import { Turns } from "../store/turns.ts";

/** Whose turn it is to search a log under a filter. None at work yet. */
export function openSearchTurns(): Turns {
  return new Turns({
    ...searchTurns,
    refusal: () =>
      new AuditError("QUEUE_FULL", "too many logs are being searched under a filter", {
        metadata: { limit: "searches" },
        retryDelayMs: 1_000,
      }),
  });
}
