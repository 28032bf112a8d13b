/** Reading a log in pages. */
import type { Client } from "@connectrpc/connect";
import { type AuditService, ListOrder } from "../../gen/audit/v1/audit_service_pb.ts";
import { type EntryFilter, filterMessage } from "./entry-filter.ts";
import { type EntryJson, entryToJson } from "./entry-json.ts";
import type { TeamIdText } from "./new-entry.ts";
import { checkNames } from "./option-names.ts";

/** Which entries, and in what order. */
export interface ListQuery {
  /** The credential's own team unless given. */
  readonly teamId?: TeamIdText | undefined;
  /** Every team's log, by the time of recording. For platform admins, and itself recorded. */
  readonly allTeams?: boolean | undefined;
  readonly filter?: EntryFilter | undefined;
  /** Which come first; `newest` unless given. */
  readonly order?: "newest" | "oldest" | undefined;
  /** Entries a page: 1 to 200, 50 unless given. */
  readonly pageSize?: number | undefined;
  /** Ends the reading with CANCELED when aborted. */
  readonly signal?: AbortSignal | undefined;
}

/** Which page. */
export interface PageQuery extends ListQuery {
  /** The `nextPageToken` of the page before, for the same team, filter and order. */
  readonly pageToken?: string | undefined;
}

/** A page of entries. */
export interface EntryPage {
  /** Fewer than asked for, even none, without being the last, where a filter matches rarely. */
  readonly entries: readonly EntryJson[];
  /** Absent after the last page. */
  readonly nextPageToken?: string;
  /** Where the log ended when its first page was read: `tail({ after: cursor })` goes on from there. */
  readonly cursor: string;
}

type Audit = Pick<Client<typeof AuditService>, "list">;

const orders = { newest: ListOrder.NEWEST_FIRST, oldest: ListOrder.OLDEST_FIRST } as const;

const names: readonly (keyof PageQuery)[] = [
  ...(["teamId", "allTeams", "filter", "order", "pageSize", "pageToken", "signal"] as const),
];

/** One page. @throws TypeError for a query that makes no sense. */
export async function listPage(audit: Audit, query: PageQuery): Promise<EntryPage> {
  checkNames(query, names, "list");
  const { teamId = "", allTeams = false, order = "newest", pageSize = 0, pageToken = "" } = query;
  if (!Object.hasOwn(orders, order)) throw new TypeError("order: newest or oldest");
  const filter = filterMessage(query.filter);
  const page = await audit.list(
    { teamId, allTeams, ...(filter && { filter }), order: orders[order], pageSize, pageToken },
    query.signal && { signal: query.signal },
  );
  return {
    entries: page.entries.map(entryToJson),
    ...(page.nextPageToken !== "" && { nextPageToken: page.nextPageToken }),
    cursor: page.cursor,
  };
}

/** The entries of all pages; the next page is asked for when those of the last are taken. */
export async function* listEntries(
  audit: Audit,
  query: ListQuery,
): AsyncGenerator<EntryJson, void, undefined> {
  let pageToken: string | undefined;
  do {
    const page = await listPage(audit, { ...query, pageToken });
    yield* page.entries;
    pageToken = page.nextPageToken;
  } while (pageToken !== undefined);
}
