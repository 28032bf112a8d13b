/** The entry that says that another one's details were erased. */
import type { AuditCalls } from "../../client/audit-calls.ts";
import type { EntryJson } from "../../client/entry-json.ts";
import { decodeSequences, erasureAction } from "../../log/erasure.ts";

/** Pages of 200 erasures to look through; a log of more is one for `annals verify`. */
const maxPages = 10;

/** Looks for it; undefined if it is not among the first two thousand erasures since. */
export async function findErasure(
  client: Pick<AuditCalls, "listPage">,
  erased: Pick<EntryJson, "teamId" | "sequence" | "recordTime">,
  signal: AbortSignal,
): Promise<EntryJson | undefined> {
  const filter = {
    actions: [erasureAction],
    recordTime: { from: new Date(erased.recordTime) },
  };
  let pageToken: string | undefined;
  for (let page = 0; page < maxPages; page++) {
    const { teamId } = erased;
    const query = { teamId, filter, order: "oldest", pageSize: 200, signal } as const;
    const { entries, nextPageToken } = await client.listPage({ ...query, pageToken });
    const found = entries.find((entry) => erases(entry, erased));
    if (found !== undefined || nextPageToken === undefined) return found;
    pageToken = nextPageToken;
  }
  return undefined;
}

/** Whether an entry says that another one's details were erased; only Annals itself may say so. */
export function erases(
  entry: Pick<EntryJson, "action" | "recorder" | "metadata" | "sequence">,
  erased: Pick<EntryJson, "sequence">,
): boolean {
  if (entry.recorder.type !== "annals" || entry.action !== erasureAction) return false;
  const sequence = BigInt(erased.sequence);
  if (BigInt(entry.sequence) <= sequence) return false;
  const ranges = decodeSequences(entry.metadata?.sequences) ?? [];
  return ranges.some(({ from, to }) => from <= sequence && sequence <= to);
}
