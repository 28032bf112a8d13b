import type { StreamRequest } from "../../gen/audit/v1/audit_service_pb.ts";
import { invalidField, invalidFields } from "../errors.ts";
import type { TeamId } from "../ids.ts";
import { requestLimits, scanLimits, searchLimits } from "../limits.ts";
import { type Filter, passesEverything } from "../log/filter.ts";
import {
  type GlobalPosition,
  origin,
  type Position,
  placeBefore,
  placeOf,
  positionAfter,
} from "../log/position.ts";
import { placeWithin, readAcrossTeams, readLeafHash } from "../store/entries.ts";
import { type Head, sequenceAt } from "../store/heads.ts";
import type { Queryable } from "../store/pool.ts";
import { search } from "../store/search.ts";
import { decodeCursor, decodeGlobalCursor } from "./cursor.ts";
import { Violations } from "./text.ts";
import { decodeTime } from "./wire-time.ts";

/** The filter that also holds back what is recorded before a start in the future. */
export function startingAt({ start }: StreamRequest, filter: Filter): Filter {
  if (start.case !== "fromTime") return filter;
  const time = decodeFromTime(start.value);
  if (time <= Date.now() - clockDifferenceMs) return filter;
  const { recordTime } = filter.include;
  const from = Math.max(time, recordTime?.from ?? time);
  return { ...filter, include: { ...filter.include, recordTime: { ...recordTime, from } } };
}

/** How far the clocks of this replica and of the database may differ. */
const clockDifferenceMs = 60_000;

/**
 * Where a stream of one team starts, once its head is known. Mistakes are thrown at once. What has to be
 * searched for waits for its turn.
 */
export function teamStart(
  db: Queryable,
  teamId: TeamId,
  { start }: StreamRequest,
  filter: Filter,
  searchTurn: () => Promise<Disposable>,
): (head: Head) => Promise<Position> {
  const before = async (sequence: bigint, head: Head): Promise<Position> => {
    const previous = sequence - 1n;
    if (previous < head.firstSequence) return { ...origin, sequence: previous };
    const leafHash = await readLeafHash(db, teamId, previous);
    return leafHash === undefined
      ? { ...origin, sequence: previous }
      : positionAfter({ sequence: previous, leafHash });
  };
  switch (start.case) {
    case undefined:
      return async (head) => head.end;
    case "afterCursor": {
      const position = decodeCursor(start.value, teamId);
      return async () => position;
    }
    case "beginning":
      return (head) => before(head.firstSequence, head);
    case "fromTime": {
      const time = decodeFromTime(start.value);
      return async (head) => {
        const sequence = await sequenceAt(db, teamId, time);
        // Entries may have been committed since the head was read.
        const next = head.end.sequence + 1n;
        return before(sequence < next ? sequence : next, head);
      };
    }
    case "last": {
      const count = decodeLast(start.value);
      return async (head) => {
        const window = { from: searchFloor(head), to: head.end.sequence };
        const limits = { limit: count, searchMs: searchLimits.searchMs };
        using _turn = passesEverything(filter) ? undefined : await searchTurn();
        const last = await search(db, teamId, window, filter, "newest_first", limits);
        const first = last.sequences.at(-1);
        return first === undefined ? head.end : before(first, head);
      };
    }
  }
}

/** The last matching entries are looked for among so many recent ones. */
const searchedEntries = scanLimits.windowEntries * scanLimits.windowsPerPage;

function searchFloor(head: Head): bigint {
  const floor = head.end.sequence - BigInt(searchedEntries) + 1n;
  return floor > head.firstSequence ? floor : head.firstSequence;
}

/** Where a stream of all teams starts, as {@link teamStart} has it; undefined means now. */
export async function globalStart(
  db: Queryable,
  { start }: StreamRequest,
  filter: Filter,
  searchTurn: () => Promise<Disposable>,
): Promise<GlobalPosition | undefined> {
  switch (start.case) {
    case undefined:
      return undefined;
    case "afterCursor":
      return decodeGlobalCursor(start.value);
    case "beginning":
      return placeBefore(earliestTime);
    case "fromTime":
      return placeBefore(decodeFromTime(start.value));
    case "last": {
      const count = decodeLast(start.value);
      using _turn = passesEverything(filter) ? undefined : await searchTurn();
      const through = await placeWithin(db, {}, "newest_first", searchedEntries);
      const last = await readAcrossTeams(db, { through }, filter, "newest_first", count);
      const first = last.at(-1);
      return first && { ...placeOf(first), sequence: first.sequence - 1n };
    }
  }
}

const earliestTime = Date.parse("0001-01-01T00:00:00Z");

function decodeFromTime(time: Parameters<typeof decodeTime>[0]): number {
  const violations = new Violations();
  const millis = decodeTime(time, "from_time", violations);
  if (millis !== undefined && millis > Date.now() + clockDifferenceMs) {
    violations.add("from_time", "must not be in the future");
  }
  if (millis === undefined || violations.found.length > 0) throw invalidFields(violations.found);
  return millis;
}

function decodeLast(count: number): number {
  if (count >= 1 && count <= requestLimits.pageEntries) return count;
  throw invalidField("last", `must be from 1 to ${requestLimits.pageEntries}`);
}
