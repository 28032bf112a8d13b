import { AuditError } from "../errors.ts";
import type { TeamId } from "../ids.ts";

/** How long the entries behind one that failed are put off. */
const behindFailureMs = 100;

/**
 * The order of the entries of one batch, which are committed in it: once one is put off, those of its
 * team behind it are too, so that none is recorded before one that its caller will send again.
 */
export class BatchOrder {
  readonly #putOff = new Map<TeamId, Error>();

  /** An entry of this team was not committed, though it may be another time; its caller is told why. */
  putOff(teamId: TeamId, why: Error): void {
    if (!this.#putOff.has(teamId)) this.#putOff.set(teamId, behind(why));
  }

  /** What the team's entries that are not committed yet are put off with; undefined if they may go. */
  refusal(teamId: TeamId): Error | undefined {
    return this.#putOff.get(teamId);
  }
}

/**
 * The same, and always with a delay or a code that says "again": INTERNAL alone does not, and nothing is
 * wrong with those behind.
 */
function behind(why: Error): Error {
  if (!(why instanceof AuditError) || why.reason !== "INTERNAL") return why;
  return new AuditError("INTERNAL", "an earlier entry of the team in this batch failed", {
    retryDelayMs: behindFailureMs,
  });
}
