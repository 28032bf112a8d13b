import type pg from "pg";
import type { TeamId } from "../ids.ts";
import { countsFrom } from "../log/counts.ts";
import type { Entry, Millis, NewEntry } from "../log/entry.ts";
import {
  type EntriesById,
  type Extension,
  extendLogs,
  frontierFrom,
  type LogEnd,
} from "../log/extend.ts";
import { createHeads, findMissing, lockHeads } from "./append-heads.ts";
import { notePlans, planAnew, plansAreOld } from "./append-plans.ts";
import { AppendSession, NotBehind } from "./append-session.ts";
import { appendToKnown } from "./append-to-known.ts";
import { write } from "./append-writes.ts";
import { inOneGo } from "./batch.ts";
import type { KnownLogs } from "./known-logs.ts";
import type { Queryable } from "./pool.ts";
import { type EntryRow, entryColumns, entryFromRow } from "./rows.ts";

/** What became of the entries given to {@link append}, once PostgreSQL has said that it is committed. */
export interface Appended {
  /** By team and then id: the entry in the log under the id, appended now or found there. */
  readonly entries: EntriesById;
  /** The entries appended now, by team and then sequence. */
  readonly appended: readonly Entry[];
  /** Teams to be tried again, whose heads others hold or the guard doubts; nothing was appended. */
  readonly busy: ReadonlySet<TeamId>;
  /** Teams whose logs the guard refuses, and why; nothing was appended. */
  readonly refused: ReadonlyMap<TeamId, Error>;
}

/**
 * Judges a log by its size as found under the head's lock, before anything is appended to it: whether it may
 * be, whether to come back later, or why not.
 */
export type LogGuard = (teamId: TeamId, size: bigint) => "append" | "wait" | Error;

/** The guard wants to be asked again before anything is done along with an append to this log. */
export class LogInDoubt extends Error {
  override readonly name = "LogInDoubt";
}

/** How to append. */
export interface AppendOptions {
  /** Teams whose heads must not be waited for: if held, they come back in `busy`. */
  readonly skipIfBusy?: ReadonlySet<TeamId>;
  /** What else belongs in the transaction, done once the heads are locked. */
  readonly alongside?: (session: pg.ClientBase) => Promise<void>;
  readonly guard?: LogGuard;
  /**
   * Whether the guard would let a log of this size be appended to, as far as it knows; asked of logs
   * whose ends are known, before their heads are locked, and without it they are locked first.
   */
  readonly accepts?: (teamId: TeamId, size: bigint) => boolean;
  /**
   * Hears of its session once the append has been sent in one go, to logs whose ends are known: from then
   * on another one may be sent behind it.
   */
  readonly onSent?: ((session: AppendSession) => void) | undefined;
  /**
   * The session of an append that is on its way: this one is sent behind it without waiting for its answer,
   * and done if that one leaves the logs as it says.
   */
  readonly behind?: AppendSession | undefined;
  /** Where logs ended, of whose ends this one makes use and which it learns; of all appends of a server. */
  readonly known?: KnownLogs;
}

/**
 * Appends entries to their teams' logs in one READ COMMITTED transaction. Entries already in the log
 * under their id are found, not appended, as are those under an id that came before; whether their content
 * is the same is the caller's to judge.
 *
 * When it resolves, PostgreSQL has said that it is committed. When it rejects with an SQLSTATE the transaction
 * was rolled back; when with a broken connection, it may have been committed: call again with
 * the same ids. SQLSTATE 55P03: a head is held by another transaction.
 *
 * @throws LogInDoubt, or what the guard refuses a log for, if something is to be done alongside;
 *   NotBehind if it could not be sent behind another, or that one did not end as it said.
 */
export async function append(
  pool: pg.Pool,
  entries: readonly NewEntry[],
  options: AppendOptions = {},
): Promise<Appended> {
  const { behind, known } = options;
  const session =
    behind === undefined ? new AppendSession(await pool.connect()) : join(behind, pool);
  let failure: Error | undefined;
  try {
    if (behind === undefined) await planAnew(session.client);
    let done = await guess(session, entries, options);
    if (done === undefined) {
      if (behind !== undefined) throw new NotBehind("the logs are not known to end so");
      done = await transact(session.client, entries, options);
      known?.left(done.ends);
    }
    notePlans(session.client, done.ends);
    return done.result;
  } catch (error) {
    if (!(error instanceof NotBehind)) failure = asError(error);
    throw error;
  } finally {
    session.leave(failure);
  }
}

/** The session of an append that is on its way, unless somebody waits for one, or for it. */
function join(behind: AppendSession, pool: pg.Pool): AppendSession {
  if (pool.waitingCount > 0) throw new NotBehind("others wait for a session");
  if (plansAreOld(behind.client)) throw new NotBehind("its plans are to be discarded");
  return behind.join();
}

function asError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error));
}

/** What a transaction did, and where it left the logs. */
interface Transacted {
  readonly result: Appended;
  readonly ends: Extension["ends"];
}

/** Appends in one go to logs whose ends are known; undefined if they are not, or not so. */
async function guess(
  session: AppendSession,
  entries: readonly NewEntry[],
  options: AppendOptions,
): Promise<Transacted | undefined> {
  const { skipIfBusy, alongside, guard, accepts = () => guard === undefined, known } = options;
  if (known === undefined || alongside !== undefined || skipIfBusy?.size) return undefined;
  const teams = teamsOf(entries);
  const guessed = known.guess(teams);
  if (guessed === undefined) return undefined;
  for (const [teamId, { frontier }] of guessed.logs) {
    if (!accepts(teamId, frontier.size)) return undefined;
  }
  const done = await appendToKnown(session, teams, entries, guessed, known, options);
  if (!done.asExpected) return undefined;
  const { entries: found, appended, ends } = done.extension;
  const result = { entries: found, appended, busy: nobody, refused: none };
  return { result, ends };
}

/** The teams of entries, in the order in which their heads are locked. */
function teamsOf(entries: readonly NewEntry[]): TeamId[] {
  return [...new Set(entries.map((entry) => entry.teamId))].sort();
}

async function transact(
  session: pg.PoolClient,
  entries: readonly NewEntry[],
  { skipIfBusy = new Set(), alongside, guard, known }: AppendOptions,
): Promise<Transacted> {
  const teams = teamsOf(entries);
  const patient = teams.filter((team) => !skipIfBusy.has(team));
  const impatient = teams.filter((team) => skipIfBusy.has(team));
  const read = (db: Queryable) => lockAndRead(db, patient, impatient, entries);

  const [, first] = await inOneGo(session, (db) => [
    db.query({ name: "begin", text: "BEGIN" }),
    read(db),
  ]);
  const missing = await findMissing(session, patient, impatient, first.heads);
  // Making a head may wait for another transaction that makes it too and records in it, so
  // everything is read again with all heads locked.
  const [{ heads, now, recorded }] =
    missing.length === 0
      ? [first]
      : await createHeads(session, missing).then(() => inOneGo(session, (db) => [read(db)]));
  known?.tell(now);
  known?.found(heads);
  const { logs, refused } =
    guard === undefined ? { logs: heads, refused: none } : judge(heads, guard);
  if (alongside !== undefined) {
    for (const refusal of refused.values()) throw refusal;
    if (logs.size < heads.size) throw new LogInDoubt("a log is in doubt");
    await alongside(session);
  }

  const extension = extendLogs(entries, logs, recorded, now);
  const { entries: found, appended, ends } = extension;
  const answers = await inOneGo(session, (db) => [
    ...write(db, extension),
    db.query({ name: "commit", text: "COMMIT" }),
  ]);
  // Should a statement have failed that went along, COMMIT itself succeeds, with the tag of the rollback it was.
  const { command } = answers.at(-1) ?? { command: "nothing" };
  if (command !== "COMMIT") throw new Error(`COMMIT was answered with ${command}`);
  return {
    result: {
      entries: found,
      appended,
      busy: new Set(teams.filter((team) => !logs.has(team) && !refused.has(team))),
      refused,
    },
    ends,
  };
}

const none: ReadonlyMap<TeamId, Error> = new Map();
const nobody: ReadonlySet<TeamId> = new Set();

/** The logs that may be appended to, and those that are refused. */
function judge(
  heads: ReadonlyMap<TeamId, LogEnd>,
  guard: LogGuard,
): { logs: ReadonlyMap<TeamId, LogEnd>; refused: ReadonlyMap<TeamId, Error> } {
  const logs = new Map<TeamId, LogEnd>();
  const refused = new Map<TeamId, Error>();
  for (const [teamId, end] of heads) {
    const verdict = guard(teamId, end.frontier.size);
    if (verdict === "append") logs.set(teamId, end);
    else if (verdict !== "wait") refused.set(teamId, verdict);
  }
  return { logs, refused };
}

interface Locked {
  heads: ReadonlyMap<TeamId, LogEnd>;
  now: Millis;
  recorded: readonly Entry[];
}

/**
 * Locks heads, then reads the clock, then looks up recorded ids. All go out in one go, yet each
 * statement takes its snapshot when it runs, that is with the heads locked.
 */
async function lockAndRead(
  db: Queryable,
  patient: readonly TeamId[],
  impatient: readonly TeamId[],
  entries: readonly NewEntry[],
): Promise<Locked> {
  const [held, skipped, clock, recorded] = await Promise.all([
    lockHeads(db, patient, ""),
    lockHeads(db, impatient, "SKIP LOCKED"),
    db.query<{ now: Millis }>({ name: "clock", text: "SELECT clock_timestamp() AS now" }),
    findRecorded(db, entries),
  ]);
  const now = clock.rows[0]?.now;
  if (now === undefined) throw new Error("the database did not tell the time");
  const heads = new Map(
    [...held, ...skipped].map((head) => [
      head.team_id,
      {
        lastRecordTime: head.last_record_time ?? undefined,
        frontier: frontierFrom(head.size, head.frontier),
        counts: countsFrom(head.size, head.counts),
      },
    ]),
  );
  return { heads, now, recorded };
}

/**
 * Entries already in the logs under the given ids: a probe of the unique index for each id. Left
 * to choose, the planner reads a whole log while the table has no statistics yet.
 */
async function findRecorded(db: Queryable, entries: readonly NewEntry[]): Promise<Entry[]> {
  const [first] = entries;
  const oneTeam = entries.every(({ teamId }) => teamId === first?.teamId);
  // As text: UUIDs need none of the quoting that the driver would look for.
  const ids = `{${entries.map(({ id }) => id).join()}}`;
  const [wanted, team] = oneTeam
    ? ["unnest($2::uuid[]) AS wanted (id)", "$1"]
    : ["unnest($1::uuid[], $2::uuid[]) AS wanted (team_id, id)", "wanted.team_id"];
  const { rows } = await db.query<EntryRow>({
    name: oneTeam ? "recorded-one" : "recorded-many",
    text: `SELECT recorded.* FROM ${wanted}, LATERAL (
        SELECT ${entryColumns} FROM control_plane.audit_logs
        WHERE team_id = ${team} AND id = wanted.id LIMIT 1
      ) AS recorded`,
    values: [oneTeam ? first?.teamId : `{${entries.map(({ teamId }) => teamId).join()}}`, ids],
  });
  return rows.map(entryFromRow);
}
