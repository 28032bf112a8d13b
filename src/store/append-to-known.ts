import type { TeamId } from "../ids.ts";
import type { Millis, NewEntry } from "../log/entry.ts";
import { type Extension, extendLogs } from "../log/extend.ts";
import type { AppendOptions } from "./append.ts";
import type { AppendSession } from "./append-session.ts";
import { write } from "./append-writes.ts";
import { inOneGo } from "./batch.ts";
import { BinaryArrays } from "./binary-arrays.ts";
import type { Condition } from "./condition.ts";
import { countsText } from "./counts.ts";
import type { Guess, KnownLogs } from "./known-logs.ts";

/** That {@link lookStatement} found everything as expected, within the transaction. */
const onlyAsExpected: Condition = {
  name: "-known",
  // The writes are planned before it is set for the first time.
  sql: "current_setting('annals.as_expected', true) = 'yes'",
};

/**
 * Locks heads, in the order of their teams, and leaves behind whether all is as expected: how the logs
 * end, that none has an entry under one of the ids, and what time it is. A log that somebody appended to
 * while this waited for its lock has another end, so it does not matter that the statement's snapshot is
 * older than the lock. Ids are looked up as the locked append does.
 */
const lookStatement = `WITH locked AS MATERIALIZED (
    SELECT team_id, size, frontier, counts::text FROM control_plane.audit_log_heads
    WHERE team_id = ANY ($1::uuid[]) ORDER BY team_id FOR UPDATE
  ), ends AS (
    SELECT array_agg(team_id ORDER BY team_id) AS teams, array_agg(size ORDER BY team_id) AS sizes,
      array_agg(frontier ORDER BY team_id) AS frontiers, array_agg(counts ORDER BY team_id) AS counts
    FROM locked
  )
  SELECT clock_timestamp() AS now, set_config('annals.as_expected', CASE WHEN
      teams = $1::uuid[] AND sizes = $2::bigint[] AND frontiers = $3::bytea[] AND counts = $8::text[]
      AND clock_timestamp() BETWEEN $4::timestamptz
        AND $4::timestamptz + $7 * interval '1 millisecond'
      AND NOT EXISTS (
        SELECT FROM unnest($5::uuid[], $6::uuid[]) AS wanted (team_id, id), LATERAL (
          SELECT FROM control_plane.audit_logs
          WHERE team_id = wanted.team_id AND id = wanted.id LIMIT 1
        ) AS recorded
      )
    THEN 'yes' ELSE 'no' END, true) AS as_expected
  FROM ends`;

/** Serves all, one transaction's after another's. */
const arrays = new BinaryArrays();

interface Found {
  readonly now: Millis;
  readonly as_expected: "yes" | "no";
}

/** What came of {@link appendToKnown}. */
export interface AppendedToKnown {
  readonly extension: Extension;
  /** If not, nothing was written. */
  readonly asExpected: boolean;
}

/**
 * Appends entries to logs whose ends are known, all of the transaction in one go: what else is learnt from
 * the locked heads is worked out before and compared under the lock, and if anything is otherwise nothing
 * is written. The teams are given in their order.
 */
export async function appendToKnown(
  session: AppendSession,
  teams: readonly TeamId[],
  entries: readonly NewEntry[],
  guess: Guess,
  known: KnownLogs,
  { behind, onSent }: Pick<AppendOptions, "behind" | "onSent">,
): Promise<AppendedToKnown> {
  const { logs, now } = guess;
  const values = lookValues(teams, guess, entries);
  const extension = extendLogs(entries, logs, [], now);
  const expected = known.expect(extension.ends);
  let asExpected = false;
  try {
    const answers = inOneGo(
      session.client,
      (db, arrived) => [
        db.query<Found>({ name: "look", text: lookStatement, values }),
        ...write(arrived, extension, onlyAsExpected),
      ],
      behind !== undefined,
    );
    session.sent();
    onSent?.(session);
    const [{ rows }] = await answers;
    const [found] = rows;
    if (found === undefined) throw new Error("the database did not say what it found");
    const status = session.client.getTransactionStatus();
    if (status !== "I") throw new Error(`the session is in a transaction still (${status})`);
    asExpected = found.as_expected === "yes";
    if (asExpected) known.tellLate(found.now);
    else known.tell(found.now);
  } finally {
    session.answered(asExpected);
    known.met(expected, asExpected);
  }
  // One behind another may have been wrong for what that one met, and is tried again for itself.
  if (asExpected || behind === undefined) known.judge(asExpected);
  return { extension, asExpected };
}

function lookValues(
  teams: readonly TeamId[],
  { logs, now, recordTimeLagMs }: Guess,
  entries: readonly NewEntry[],
): unknown[] {
  const ends = [...logs.values()];
  arrays.reset();
  arrays.begin("uuid", teams.length);
  for (const teamId of teams) arrays.uuid(teamId);
  arrays.begin("bigint", ends.length);
  for (const { frontier } of ends) arrays.bigint(frontier.size);
  arrays.begin("bytea", ends.length);
  for (const { frontier } of ends) arrays.bytea(Buffer.concat(frontier.hashes));
  arrays.begin("text", ends.length);
  for (const { counts } of ends) arrays.text(counts && countsText(counts));
  arrays.begin("uuid", entries.length);
  for (const { teamId } of entries) arrays.uuid(teamId);
  arrays.begin("uuid", entries.length);
  for (const { id } of entries) arrays.uuid(id);
  const [teamIds, sizes, frontiers, counts, entryTeams, ids] = arrays.finish();
  const time = new Date(now).toISOString();
  return [teamIds, sizes, frontiers, time, entryTeams, ids, recordTimeLagMs, counts];
}
