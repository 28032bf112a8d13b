/** Exporting what a view shows, as `annals export` does, and going on after an interruption. */
import { create, type JsonObject, toJson } from "@bufbuild/protobuf";
import { type Timestamp, timestampMs } from "@bufbuild/protobuf/wkt";
import { EntryFilterSchema } from "../../../gen/audit/v1/entry_pb.ts";
import type { AuditCalls } from "../../client/audit-calls.ts";
import { filterMessage } from "../../client/entry-filter.ts";
import type { ExportFormat } from "../../client/export-format.ts";
import type { ExportHeader } from "../../client/export-lines.ts";
import { beginning, type ExportReach, exportSteps } from "../../client/export-steps.ts";
import { follow, type StreamFields } from "../../client/follow.ts";
import type { ConnectionState } from "../../client/retry.ts";
import { SeenEntries } from "../../client/seen-entries.ts";
import type { VerifiedCheckpoint } from "../../client/verify/checkpoint.ts";
import { VerificationError } from "../../client/verify/fault.ts";
import { sha256 } from "../proof/sha256.ts";
import type { TrailQuery } from "../trail/trail-query.ts";
import { type FormatName, formats } from "./formats.ts";
import { type OpenedLog, openLog } from "./opened-log.ts";
import type { Sink } from "./sink.ts";

/** How far an export is. */
export interface ExportProgress {
  readonly entries: number;
  readonly bytes: number;
  /** Up to when the trail has been read, in milliseconds since 1970; undefined at first. */
  readonly timeMs: number | undefined;
  /** From 0 to 1; undefined if there is no telling. */
  readonly share: number | undefined;
}

/** What came of it. */
export interface ExportOutcome {
  readonly entries: number;
  readonly bytes: number;
  /** Positions whose entries the reader may not read: of a complete NDJSON, their hashes are in it. */
  readonly withheld: number;
  /** Entries at the log's beginning that are no longer kept. */
  readonly pruned: bigint;
  /** Whether the file proves by itself that it is the log's. */
  readonly isProven: boolean;
  /** Whether it could not, for the server signs nothing. */
  readonly isUnsigned: boolean;
}

/** What to export and where to. */
export interface TrailExportOptions {
  readonly client: Pick<AuditCalls, "audit" | "proofs">;
  readonly query: TrailQuery;
  readonly format: FormatName;
  readonly sink: Sink;
  readonly onProgress: (progress: ExportProgress) => void;
  /** Told when the connection is lost, and when it is there again. */
  readonly onState: (state: ConnectionState) => void;
}

/**
 * One export. `run` can be called again after it has failed for want of a credential or of a server:
 * it goes on from where it was. Entries come oldest first.
 */
export class TrailExport {
  readonly #options: TrailExportOptions;
  readonly #format: ExportFormat;
  readonly #filter: StreamFields["filter"];
  #log: OpenedLog | "plain" | undefined;
  #reach: ExportReach | undefined;
  /** Of an export without proofs. */
  #cursor: string | undefined;
  readonly #seen = new SeenEntries();
  #isBegun = false;
  #entries = 0;
  #bytes = 0;
  #pruned = 0n;
  #timeMs: number | undefined;

  constructor(options: TrailExportOptions) {
    this.#options = options;
    this.#format = formats[options.format];
    this.#filter = filterMessage(options.query.filter);
  }

  /**
   * Exports up to the end that the log had when it began, and closes the sink.
   *
   * @throws The signal's reason; SinkError; VerificationError; ConnectError for what waiting does
   *   not mend.
   */
  async run(signal: AbortSignal): Promise<ExportOutcome> {
    const { client, query, onState, sink } = this.#options;
    const retry = { signal, onState };
    if (this.#log === undefined) {
      const { teamId } = query;
      const opened = teamId && !query.allTeams ? await openLog(client, teamId, retry) : undefined;
      this.#log = opened ?? "plain";
    }
    const withheld =
      this.#log === "plain"
        ? await this.#runPlain(signal)
        : await this.#runProven(this.#log, signal);
    signal.throwIfAborted();
    await sink.close();
    return {
      entries: this.#entries,
      bytes: this.#bytes,
      withheld,
      pruned: this.#pruned,
      isProven: this.#log !== "plain" && this.#options.format === "ndjson",
      isUnsigned: this.#log === "plain" && !query.allTeams,
    };
  }

  async #runProven(log: OpenedLog, signal: AbortSignal): Promise<number> {
    const { client, format, onState } = this.#options;
    const filter = this.#filter;
    await this.#begin(headerOf(log, filter));
    const source = {
      ...{ client, log, format: this.#format, sha256, requireReached },
      retry: { signal, onState },
      ...(filter && { filter }),
      withProofs: format === "ndjson",
      onPruned: (pruned: bigint) => {
        this.#pruned = pruned;
      },
    };
    let reach = this.#reach ?? beginning(log.checkpoint.note);
    for await (const { text, reach: next, time, done, total } of exportSteps(source, reach)) {
      signal.throwIfAborted();
      await this.#write(text);
      reach = next;
      this.#reach = next;
      this.#entries = next.entries;
      this.#report(time, total === 0n ? 1 : Number(done) / Number(total));
    }
    signal.throwIfAborted();
    // Refused if the log was rolled back while it was read: it may have held more.
    await log.newest();
    const { goal: checkpoint, entries, withheld } = reach;
    await this.#write(this.#format.end({ checkpoint, entries, withheld }));
    return withheld;
  }

  async #runPlain(signal: AbortSignal): Promise<number> {
    const { client, format, query, onState } = this.#options;
    // Without a checkpoint a header would promise a proof.
    const isCsv = format === "csv";
    await this.#begin(isCsv ? { origin: "", teamId: "", complete: false } : undefined);
    const { teamId = "", allTeams } = query;
    const request: StreamFields = {
      ...{ teamId, allTeams, stopAtHead: true },
      ...(this.#filter && { filter: this.#filter }),
      start:
        this.#cursor === undefined
          ? { case: "beginning", value: {} }
          : { case: "afterCursor", value: this.#cursor },
    };
    for await (const { entries, cursor } of follow(client.audit, request, { signal, onState })) {
      signal.throwIfAborted();
      const fresh = entries.filter((entry) => this.#seen.add(entry.teamId, entry.sequence));
      await this.#write(this.#format.positions(fresh.map((position) => ({ position }))));
      this.#cursor = cursor;
      this.#entries += fresh.length;
      this.#report(fresh.at(-1)?.recordTime, undefined);
    }
    return 0;
  }

  async #begin(header: ExportHeader | undefined): Promise<void> {
    if (this.#isBegun) return;
    this.#isBegun = true;
    if (header) await this.#write(this.#format.header(header));
  }

  async #write(text: string): Promise<void> {
    if (text === "") return;
    const bytes = new TextEncoder().encode(text);
    await this.#options.sink.write(bytes);
    this.#bytes += bytes.length;
  }

  #report(time: Timestamp | undefined, share: number | undefined): void {
    if (time) this.#timeMs = timestampMs(time);
    const { onProgress } = this.#options;
    onProgress({ entries: this.#entries, bytes: this.#bytes, timeMs: this.#timeMs, share });
  }
}

function headerOf({ checkpoint }: OpenedLog, filter: StreamFields["filter"]): ExportHeader {
  const { origin, teamId, note } = checkpoint;
  if (!filter) return { origin, teamId, complete: true };
  const json = toJson(EntryFilterSchema, create(EntryFilterSchema, filter)) as JsonObject;
  return { origin, teamId, complete: false, filter: json, checkpoint: note };
}

function requireReached({ size }: { size: bigint }, signed: VerifiedCheckpoint): void {
  if (size < signed.size) throw new VerificationError("size_mismatch", { sequence: size + 1n });
}
