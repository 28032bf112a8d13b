/** Following a log in short words. */
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import type { Client } from "@connectrpc/connect";
import type { AuditService } from "../../gen/audit/v1/audit_service_pb.ts";
import { type EntryFilter, filterMessage } from "./entry-filter.ts";
import { type EntryJson, entryToJson } from "./entry-json.ts";
import type { StreamFields } from "./follow.ts";
import type { TeamIdText } from "./new-entry.ts";
import { checkNames } from "./option-names.ts";
import { type TailOptions, tail } from "./tail.ts";

/** What to follow and from where: at most one start; without one, what comes from now on. */
export interface TailQuery extends Partial<Omit<TailOptions, "renewsCredential">> {
  /** The credential's own team unless given. */
  readonly teamId?: TeamIdText | undefined;
  /** Every team's log, in order of arrival. For platform admins, and itself recorded. */
  readonly allTeams?: boolean | undefined;
  readonly filter?: EntryFilter | undefined;
  /** Starts after a cursor: one that `onCursor` was given, or of a page. */
  readonly after?: string | undefined;
  /** Starts with the last n matching entries, 1 to 200. */
  readonly last?: number | undefined;
  /** Starts with the first entry recorded at this time or later. */
  readonly since?: Date | undefined;
  /** Starts with the first entry that the log still holds. */
  readonly fromBeginning?: boolean | undefined;
  /** Ends after what was there when it began. */
  readonly stopAtHead?: boolean | undefined;
}

const names: readonly (keyof TailQuery)[] = [
  ...(["teamId", "allTeams", "filter", "after", "last", "since", "fromBeginning"] as const),
  ...(["stopAtHead", "signal", "onCursor", "onState", "seen"] as const),
  ...(["silenceMs", "backoff", "maxFailures"] as const),
];

/**
 * The entries as `tail` delivers them, as plain objects. It connects when the first is asked for.
 *
 * @throws TypeError for a query that makes no sense.
 */
export function tailEntries(
  audit: Pick<Client<typeof AuditService>, "stream">,
  query: TailQuery,
  renewsCredential: boolean,
): AsyncIterableIterator<EntryJson> {
  const request = streamRequest(query);
  const controller = new AbortController();
  const abort = () => controller.abort();
  const { signal } = query;
  const run = async function* () {
    if (signal?.aborted) return;
    signal?.addEventListener("abort", abort, { once: true });
    try {
      const options = { ...query, renewsCredential, signal: controller.signal };
      for await (const entry of tail(audit, request, options)) yield entryToJson(entry);
    } finally {
      signal?.removeEventListener("abort", abort);
    }
  };
  const entries = run();
  return {
    next: () => entries.next(),
    // A generator that waits for the next entry would not return before that has come.
    return: () => {
      abort();
      return entries.return();
    },
    [Symbol.asyncIterator]() {
      return this;
    },
  };
}

function streamRequest(query: TailQuery): StreamFields {
  checkNames(query, names, "tail");
  const { teamId = "", allTeams = false, stopAtHead = false } = query;
  const filter = filterMessage(query.filter);
  const start = startOf(query);
  return { teamId, allTeams, stopAtHead, ...(filter && { filter }), ...(start && { start }) };
}

function startOf({ after, last, since, fromBeginning }: TailQuery): StreamFields["start"] {
  const given = [after, last, since, fromBeginning || undefined].filter(
    (each) => each !== undefined,
  );
  if (given.length > 1) {
    throw new TypeError("after, last, since, fromBeginning: exclude one another");
  }
  if (after !== undefined) return { case: "afterCursor", value: after };
  if (last !== undefined) {
    if (!Number.isInteger(last) || last < 1) throw new TypeError("last: must be 1 to 200");
    return { case: "last", value: last };
  }
  if (since !== undefined) {
    const ms = since instanceof Date ? since.getTime() : Number.NaN;
    if (Number.isNaN(ms)) throw new TypeError("since: must be a valid Date");
    return { case: "fromTime", value: timestampFromMs(ms) };
  }
  return fromBeginning ? { case: "beginning", value: {} } : undefined;
}
