import type { TeamId } from "../ids.ts";
import { type Filter, filterSql, hasIndex, indexWindowBits } from "../log/filter.ts";
import { direction, type Order, type Window } from "./entries.ts";
import type { Queryable } from "./pool.ts";

/** Positions to a step of a search that no index helps, a power of two: some 3 ms of reading. */
const unaidedBits = 11;

/** How far to search. */
export interface SearchLimits {
  /** Entries to find. */
  readonly limit: number;
  /** No step is begun after so long. */
  readonly searchMs: number;
}

/** What a search has come upon. */
export interface Found {
  /** Where the first entries are that pass the filter, in the given order. */
  readonly sequences: readonly bigint[];
  /** The positions that were not searched; empty if all were. */
  readonly rest: Window;
}

/**
 * Looks for entries of a log that pass the filter, step by step in the given order: where an index
 * helps, a window of it each, so that what matches rarely is found at once in a log of millions. A
 * step that has begun is finished, so each call gets on by one at least.
 *
 * One statement, which reads no more than a step beyond its limits whatever the planner takes for the
 * best way, with or without statistics.
 */
export async function search(
  db: Queryable,
  teamId: TeamId,
  { from, to }: Window,
  filter: Filter,
  order: Order,
  { limit, searchMs }: SearchLimits,
): Promise<Found> {
  if (to < from) return { sequences: [], rest: { from, to } };
  const newestFirst = order === "newest_first";
  const by = direction(order);
  const bits = hasIndex(filter) ? indexWindowBits : unaidedBits;
  const [first, last] = newestFirst ? [to, from] : [from, to];
  const values: unknown[] = [teamId, String(from), String(to), limit, searchMs];
  values.push(String(first >> BigInt(bits)), String(last >> BigInt(bits)));
  const conditions = filterSql(filter, values);
  // The second, true of all, is what opens the indexes to this statement and to no other.
  if (bits === indexWindowBits) {
    conditions.unshift(`sequence >> ${bits} = nth`, `sequence >> ${bits} >= 0`);
  }
  const { rows } = await db.query<{ beyond: bigint; sequences: string[] }>({
    // No name: a statement a filter would let callers fill the database's memory with plans.
    text: `WITH RECURSIVE steps (nth, found, sequences) AS (
        SELECT $6::bigint, 0, '{}'::bigint[]
      UNION ALL
        SELECT nth ${newestFirst ? "-" : "+"} 1, found + cardinality(step.sequences), step.sequences
        FROM steps CROSS JOIN LATERAL (
          SELECT ARRAY(
            SELECT sequence FROM control_plane.audit_logs
            WHERE team_id = $1
              AND sequence >= greatest($2::bigint, nth << ${bits})
              AND sequence < least($3::bigint + 1, nth + 1 << ${bits})
              ${conditions.map((condition) => `AND ${condition}`).join(" ")}
            ORDER BY sequence ${by} LIMIT $4
          ) AS sequences
          OFFSET 0 -- or it would be run for each use of it
        ) AS step
        WHERE found < $4 AND nth ${newestFirst ? ">=" : "<="} $7::bigint
          AND (nth = $6::bigint
            OR clock_timestamp() < statement_timestamp() + $5 * interval '1 millisecond')
      )
      SELECT ${newestFirst ? "min" : "max"}(nth) AS beyond,
        coalesce(array_agg(sequence ORDER BY sequence ${by}) FILTER (WHERE sequence IS NOT NULL), '{}')
          AS sequences
      FROM steps LEFT JOIN unnest(sequences) AS sequence ON true`,
    values,
  });
  const [row] = rows;
  if (row === undefined) throw new Error("a search did not say what it found");
  const sequences = row.sequences.slice(0, limit).map(BigInt);
  const stop = sequences.length === limit ? sequences.at(-1) : undefined;
  const { beyond } = row;
  const rest = newestFirst
    ? { from, to: stop === undefined ? ((beyond + 1n) << BigInt(bits)) - 1n : stop - 1n }
    : { from: stop === undefined ? beyond << BigInt(bits) : stop + 1n, to };
  return { sequences, rest };
}
