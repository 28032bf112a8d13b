/** Reading one side of the trail, page by page. */
import type { AuditCalls } from "../../client/audit-calls.ts";
import { reasonOf } from "../../client/error-reason.ts";
import type { EntryPage } from "../../client/list.ts";
import { retrying } from "../../client/retry.ts";
import { type Edge, listEdge } from "./side.ts";
import type { TrailQuery } from "./trail-query.ts";
import { type TrailRow, trailRow } from "./trail-row.ts";

/** Entries asked for at once. */
const pageSize = 100;
/** Pages without a row that are read on end, each searched for up to 50 ms, before it is asked. */
export const fruitlessPages = 10;
/** Tries of a page before its failure is shown. */
const maxFailures = 3;

/** Some rows of a side, in the order that they were read. */
export interface Reading {
  readonly rows: readonly TrailRow[];
  /** Where it goes on. */
  readonly edge: Edge;
  /** Where the log ended when the list began. */
  readonly cursor: string;
}

/** A page token that is too old, or of another key: the list is to be begun anew. */
export function isTokenLost(error: unknown): boolean {
  return reasonOf(error)?.startsWith("PAGE_TOKEN_") ?? false;
}

/**
 * Reads a page: of rows that are not `isHeld`, or an empty one.
 *
 * @throws ConnectError after some tries.
 */
export async function readPage(
  client: Pick<AuditCalls, "listPage">,
  { teamId, allTeams }: TrailQuery,
  order: "newest" | "oldest",
  edge: Extract<Edge, { kind: "list" }>,
  signal: AbortSignal,
): Promise<Reading> {
  const ask = (): Promise<EntryPage> =>
    client.listPage({
      ...(allTeams ? { allTeams } : { teamId }),
      ...{ filter: edge.filter, order, pageSize, pageToken: edge.token, signal },
    });
  const page = await retrying(ask, { signal, maxFailures });
  const { entries, nextPageToken, cursor } = page;
  return {
    rows: entries.map(trailRow),
    edge: nextPageToken === undefined ? { kind: "end" } : listEdge(edge.filter, nextPageToken),
    cursor,
  };
}
