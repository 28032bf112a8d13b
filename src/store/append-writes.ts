import type pg from "pg";
import type { Extension } from "../log/extend.ts";
import { growHeads } from "./append-heads.ts";
import { always } from "./condition.ts";
import { insertCounts } from "./counts.ts";
import { insertStatement, insertValues } from "./rows.ts";
import { insertTile } from "./tiles.ts";

/**
 * Sends all that new entries of logs whose heads are locked have to write, and COMMIT behind it; the last
 * answer is that to COMMIT.
 */
export async function writeAndCommit(
  session: pg.ClientBase,
  { appended, tiles, countedTo, ends }: Extension,
  condition = always,
): Promise<pg.QueryResult[]> {
  const { name, sql } = condition;
  const statements: Promise<pg.QueryResult>[] = [];
  if (appended.length > 0) {
    statements.push(
      session.query({
        name: `insert${name}`,
        text: `${insertStatement} WHERE ${sql}`,
        values: insertValues(appended),
      }),
      ...tiles.map((tile) => insertTile(session, tile, condition)),
      ...(countedTo.length > 0 ? [insertCounts(session, countedTo, condition)] : []),
      growHeads(session, ends, condition),
    );
  }
  return inOrder([...statements, session.query<never>("COMMIT")]);
}

/**
 * Sends the statements that `send` gives the session in one write, where the driver would make one of
 * each: for small transactions system calls are most of what they cost.
 */
export function inOneGo<T>(session: pg.ClientBase, send: () => T): T {
  const { connection } = session as { connection?: pg.Connection };
  connection?.stream.cork();
  try {
    return send();
  } finally {
    connection?.stream.uncork();
  }
}

/** Waits for all, then throws the first failure: the one that made those after it fail. */
export async function inOrder<T extends readonly Promise<unknown>[]>(
  promises: readonly [...T],
): Promise<{ -readonly [K in keyof T]: Awaited<T[K]> }> {
  const results = await Promise.allSettled(promises);
  for (const result of results) if (result.status === "rejected") throw result.reason;
  return results.map((result) => (result as PromiseFulfilledResult<unknown>).value) as {
    -readonly [K in keyof T]: Awaited<T[K]>;
  };
}
