import type { HandlerContext } from "@connectrpc/connect";
import type { EraseRequest } from "../../gen/audit/v1/audit_service_pb.ts";
import { AuditError, invalidField, invalidFields } from "../errors.ts";
import { type EntryId, formatEntryId, parseEntryId, type TeamId } from "../ids.ts";
import { requestLimits, scanLimits } from "../limits.ts";
import { eraseDetails, findByActor, findByIds } from "../store/erase.ts";
import { readHead } from "../store/heads.ts";
import type { Queryable } from "../store/pool.ts";
import { requestedTeam, requireEraser } from "./access.ts";
import { encodeEntry } from "./codec.ts";
import { detailsErased } from "./own-acts.ts";
import { authenticatedKey } from "./principal.ts";
import type { Services } from "./services.ts";
import { Violations } from "./text.ts";

/** Another call has erased some of the same; rolls this one's transaction back. */
class ErasedMeanwhile extends Error {}

/** How often a call looks again for what others have left. */
const attempts = 5;

/** What a call would erase now, ascending, and whether there may be more. */
interface Erasable {
  readonly sequences: readonly bigint[];
  readonly more: boolean;
}

/** Erases details; the entry that says so is of the same transaction. */
export function erase({ db, act, makeId }: Services) {
  return async (request: EraseRequest, { values, signal }: HandlerContext) => {
    const { principal } = values.get(authenticatedKey);
    const teamId = requestedTeam(principal, request.teamId);
    requireEraser(principal, teamId);
    const ids = decodeWanted(request);
    for (let attempt = 0; attempt < attempts; attempt++) {
      const { sequences, more } =
        ids.length > 0
          ? await findWanted(db, teamId, ids)
          : await findOfActor(db, teamId, request.actorId, signal);
      if (sequences.length === 0) return {};
      const eraseThem = async (session: Queryable) => {
        const erased = await eraseDetails(session, teamId, sequences);
        // The entry names what was looked up, and must name what is erased and nothing else.
        if (erased !== sequences.length) throw new ErasedMeanwhile();
      };
      try {
        const erasure = detailsErased(makeId(), principal, teamId, sequences);
        const entry = encodeEntry(await act(erasure, eraseThem, signal));
        return { erasedSequences: [...sequences], entry, more };
      } catch (error) {
        if (!(error instanceof ErasedMeanwhile)) throw error;
      }
    }
    throw new AuditError("QUEUE_FULL", "too many calls erase the same details", {
      metadata: { limit: "own_acts" },
      retryDelayMs: 1_000,
    });
  };
}

/** The ids wanted; none if it is an actor's entries that are. */
function decodeWanted({ ids, actorId }: EraseRequest): readonly EntryId[] {
  const most = requestLimits.erasedEntries;
  if (ids.length > 0 && actorId !== "") throw invalidField("actor_id", "must be empty with `ids`");
  if (ids.length > most) throw invalidField("ids", `must be at most ${most}`);
  const violations = new Violations();
  if (ids.length === 0) {
    if (actorId === "") violations.add("ids", "`ids` or `actor_id` is required");
    else violations.text("actor_id", actorId);
  }
  const parsed = ids.map(parseEntryId);
  const mistake = parsed.indexOf(undefined);
  if (mistake !== -1) {
    violations.add(`ids[${mistake}]`, "must be log-{uuid} (lower-case and hyphenated)");
  }
  if (violations.found.length > 0) throw invalidFields(violations.found);
  return parsed as EntryId[];
}

/** @throws AuditError ENTRY_NOT_FOUND */
async function findWanted(
  db: Queryable,
  teamId: TeamId,
  ids: readonly EntryId[],
): Promise<Erasable> {
  const found = await findByIds(db, teamId, ids);
  const known = new Set(found.map(({ id }) => id));
  const unknown = ids.find((id) => !known.has(id));
  if (unknown !== undefined) {
    throw new AuditError("ENTRY_NOT_FOUND", `there is no entry ${formatEntryId(unknown)}`);
  }
  const sequences = found.filter((entry) => entry.erasable).map(({ sequence }) => sequence);
  return { sequences: sequences.sort((a, b) => (a < b ? -1 : 1)), more: false };
}

/**
 * Looks through the whole log, in stretches: each is a short statement of its own, between which
 * others get their turn and a call that has ended stops.
 */
async function findOfActor(
  db: Queryable,
  teamId: TeamId,
  actorId: string,
  signal: AbortSignal,
): Promise<Erasable> {
  const most = requestLimits.erasedEntries;
  const { firstSequence, end } = await readHead(db, teamId);
  const sequences: bigint[] = [];
  const length = BigInt(scanLimits.windowEntries);
  for (let from = firstSequence; from <= end.sequence && sequences.length <= most; from += length) {
    signal.throwIfAborted();
    const window = { from, to: from + length - 1n };
    const limit = most + 1 - sequences.length;
    sequences.push(...(await findByActor(db, teamId, actorId, window, limit)));
  }
  return { sequences: sequences.slice(0, most), more: sequences.length > most };
}
