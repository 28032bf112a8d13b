/** Following a log for as long as one likes, through restarts of the server. */
import type { Client } from "@connectrpc/connect";
import type { AuditService } from "../../gen/audit/v1/audit_service_pb.ts";
import type { AuditEntry } from "../../gen/audit/v1/entry_pb.ts";
import { type FollowOptions, follow, type StreamFields } from "./follow.ts";
import { SeenEntries } from "./seen-entries.ts";

/** How to follow. */
export interface TailOptions extends FollowOptions {
  /**
   * Given a position once every entry up to it has been taken out of the iterable: safe to keep
   * and to resume from. The positions of heartbeats come too.
   */
  onCursor?: (cursor: string) => void | Promise<void>;
  /** The entries not to deliver again; those delivered are added to it. */
  seen?: SeenEntries;
}

/**
 * The entries from the start on, then new ones as they are committed. Reconnects by itself, goes
 * on from the last cursor and drops entries that come again; within a team entries come in order,
 * each once. Ends and throws as `follow` does.
 */
export async function* tail(
  audit: Pick<Client<typeof AuditService>, "stream">,
  request: StreamFields,
  options: TailOptions,
): AsyncGenerator<AuditEntry, void, undefined> {
  const { onCursor, seen = new SeenEntries() } = options;
  for await (const { entries, cursor } of follow(audit, request, options)) {
    for (const entry of entries) {
      if (seen.add(entry.teamId, entry.sequence)) yield entry;
    }
    await onCursor?.(cursor);
  }
}
