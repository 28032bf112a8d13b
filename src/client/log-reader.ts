/** Reading a team's log in order, position after position, through restarts of the server. */
import type { Client } from "@connectrpc/connect";
import type {
  AuditService,
  StreamResponse,
  WithheldEntry,
} from "../../gen/audit/v1/audit_service_pb.ts";
import type { AuditEntry } from "../../gen/audit/v1/entry_pb.ts";
import { type FollowOptions, follow, type StreamFields } from "./follow.ts";

/** What is at a position of a log: an entry, or the hash of one that is not sent. */
export type LogPosition = AuditEntry | WithheldEntry;

/** Tells an entry from a withheld position. */
export function isEntry(position: LogPosition): position is AuditEntry {
  return position.$typeName === "audit.v1.AuditEntry";
}

/** Some positions in the order they came. */
export interface LogBatch {
  readonly positions: readonly LogPosition[];
  /** Where a later reader goes on after them; absent if the message held more than was wanted. */
  readonly cursor?: string;
}

/** What to read, and where from. */
export interface LogReaderOptions extends FollowOptions {
  readonly teamId: string;
  /** Only what matches, without withheld positions. Absent: every position. */
  readonly filter?: StreamFields["filter"];
  /** A cursor to go on from; empty or absent for the log's beginning. */
  readonly cursor?: string;
  /** The last sequence read before; what the cursor brings up to it is left out. */
  readonly after?: bigint;
}

/** A reader that stops at a size and can go on from there to a later one. */
export class LogReader {
  readonly #audit: Pick<Client<typeof AuditService>, "stream">;
  readonly #options: LogReaderOptions;
  #cursor: string;
  #last: bigint;

  constructor(audit: Pick<Client<typeof AuditService>, "stream">, options: LogReaderOptions) {
    this.#audit = audit;
    this.#options = options;
    this.#cursor = options.cursor ?? "";
    this.#last = options.after ?? 0n;
  }

  /** A position at or before the last one read, for another reader; empty for the beginning. */
  get cursor(): string {
    return this.#cursor;
  }

  /**
   * What comes next, up to and with the sequence `size`; or up to the head, if that is before it.
   * Ends early, without an error, when the signal is aborted. Throws ConnectError as `follow` does.
   */
  async *readTo(size: bigint): AsyncGenerator<LogBatch, void, undefined> {
    const { teamId, filter } = this.#options;
    if (this.#last >= size) return;
    const request: StreamFields = {
      teamId,
      ...(filter ? { filter } : { withheld: true }),
      stopAtHead: true,
      start:
        this.#cursor === ""
          ? { case: "beginning", value: {} }
          : { case: "afterCursor", value: this.#cursor },
    };
    for await (const message of follow(this.#audit, request, this.#options)) {
      const all = positionsOf(message);
      const from = this.#last;
      const positions = all.filter(({ sequence }) => sequence > from && sequence <= size);
      this.#last = positions.at(-1)?.sequence ?? from;
      const isWhole = (all.at(-1)?.sequence ?? 0n) <= size;
      if (isWhole) this.#cursor = message.cursor;
      if (positions.length > 0 || isWhole) {
        yield { positions, ...(isWhole && { cursor: message.cursor }) };
      }
      if (!isWhole || this.#last >= size) return;
    }
  }
}

/** Entries and withheld positions, which come in order each, in order together. */
function positionsOf({ entries, withheld }: StreamResponse): LogPosition[] {
  const positions: LogPosition[] = [];
  let next = 0;
  for (const entry of entries) {
    for (
      let each = withheld[next];
      each && each.sequence < entry.sequence;
      each = withheld[++next]
    ) {
      positions.push(each);
    }
    positions.push(entry);
  }
  positions.push(...withheld.slice(next));
  return positions;
}
