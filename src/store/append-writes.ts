import type pg from "pg";
import type { Extension } from "../log/extend.ts";
import { growHeads } from "./append-heads.ts";
import { always } from "./condition.ts";
import { insertCounts } from "./counts.ts";
import type { Queryable } from "./pool.ts";
import { insertStatement, insertValues } from "./rows.ts";
import { insertTile } from "./tiles.ts";

/** Writes all that new entries of logs whose heads are locked bring with them. */
export function write(
  db: Queryable,
  { appended, tiles, countedTo, ends }: Extension,
  condition = always,
): Promise<pg.QueryResult>[] {
  if (appended.length === 0) return [];
  const { name, sql } = condition;
  return [
    db.query({
      name: `insert${name}`,
      text: `${insertStatement} WHERE ${sql}`,
      values: insertValues(appended),
    }),
    ...tiles.map((tile) => insertTile(db, tile, condition)),
    ...(countedTo.length > 0 ? [insertCounts(db, countedTo, condition)] : []),
    growHeads(db, ends, condition),
  ];
}
