/** The rows of one view: read further at both ends, and joined by what arrives. */
import { ConnectError } from "@connectrpc/connect";
import type { AuditCalls } from "../../client/audit-calls.ts";
import type { Arrivals } from "../live/live-buffer.ts";
import { RowWindow } from "./row-window.ts";
import { type Edge, listEdge, restingStatus, type SideStatus } from "./side.ts";
import { onFrom, upTo } from "./time-split.ts";
import type { TrailQuery } from "./trail-query.ts";
import { fruitlessPages, isTokenLost, readPage } from "./trail-reader.ts";
import { recordMs, type TrailRow } from "./trail-row.ts";

/** What the table shows. Another object whenever something of it has changed. */
export interface TrailRows {
  /** Newest first. */
  readonly rows: readonly TrailRow[];
  /** How many rows were put on top less those taken away there: what the table moves by. */
  readonly onTop: number;
  /** Another number when other rows came instead, and the table begins at its top. */
  readonly generation: number;
  readonly older: SideStatus;
  /** "end": there was nothing newer than the rows when they were read. */
  readonly newer: SideStatus;
}

/** How many rows are held. */
export interface TrailLimits {
  /** While one pages. */
  readonly rows: number;
  /** While one follows: shown and, as many again, waiting. */
  readonly liveRows: number;
}

/** Some 20 MB at most. */
export const trailLimits: TrailLimits = { rows: 20_000, liveRows: 2_000 };

/** Rows over the limit that are borne with, so that not each arrival trims. */
const slack = 500;

type Side = "older" | "newer";

/**
 * What is read and what arrives come together here, so that it stays one stretch of the log without a
 * gap or a repeat: lists and stream overlap, and a row that is held is left out. An end that is trimmed
 * is read again by a list up to, or from, the record time of what was given up there.
 */
export class TrailStore {
  readonly query: TrailQuery;
  readonly limits: TrailLimits;
  readonly #client: Pick<AuditCalls, "listPage">;
  readonly #at: number | undefined;
  readonly #window = new RowWindow();
  readonly #listeners = new Set<() => void>();
  #controller = new AbortController();
  #edges: Record<Side, Edge>;
  #cursor: string | undefined;
  /** The latest record time of a row that was ever held. */
  #latestMs = Number.NEGATIVE_INFINITY;
  #shown: TrailRows;

  /** `at` is the time, in milliseconds, at which the trail is opened in its middle. */
  constructor(
    client: Pick<AuditCalls, "listPage">,
    query: TrailQuery,
    at: number | undefined,
    limits: TrailLimits = trailLimits,
  ) {
    this.#client = client;
    this.query = query;
    this.#at = at;
    this.limits = limits;
    this.#edges = this.#firstEdges();
    this.#shown = { rows: [], onTop: 0, generation: 0, ...this.#resting() };
  }

  readonly subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };

  readonly getRows = (): TrailRows => this.#shown;

  /**
   * Where a stream goes on so that nothing is missing above the rows; undefined before the newest were
   * read, and after they were trimmed.
   */
  get cursor(): string | undefined {
    return this.#cursor;
  }

  /** Whether a row is held. */
  has(row: TrailRow): boolean {
    return this.#window.has(row);
  }

  /** Begins to read; after `close`, goes on. */
  open(): void {
    if (this.#controller.signal.aborted) this.#controller = new AbortController();
    void this.#open();
  }

  /** Ends all reading. */
  close(): void {
    this.#controller.abort();
    this.#change(this.#resting());
  }

  /** Gives up what is held and reads it anew. */
  reload(): void {
    this.#controller.abort();
    this.#window.replace([]);
    this.#edges = this.#firstEdges();
    // Before anybody is told: a stream must not begin at it again.
    this.#cursor = undefined;
    this.#change({ ...this.#resting(), generation: this.#shown.generation + 1 });
    this.open();
  }

  /** Tries again what has failed, perhaps for want of a credential. */
  renew(): void {
    for (const side of ["older", "newer"] as const) {
      if (this.#shown[side].kind === "failed") void this.read(side);
    }
  }

  /** Reads more of a side, unless that is under way or there is no more. */
  async read(side: Side): Promise<void> {
    if (this.#shown[side].kind === "loading" || this.#edges[side].kind === "end") return;
    const { signal } = this.#controller;
    this.#change({ [side]: { kind: "loading" } });
    try {
      for (let renewals = 0; ; renewals++) {
        try {
          const status = await this.#readFrom(side, signal);
          if (!signal.aborted) this.#change({ [side]: status });
          return;
        } catch (reason) {
          if (!isTokenLost(reason) || renewals > 0) throw reason;
          const last = this.#window.rows.at(side === "older" ? -1 : 0);
          this.#edges[side] = last
            ? this.#listBeyond(side, recordMs(last))
            : this.#firstEdges()[side];
        }
      }
    } catch (reason) {
      if (signal.aborted) return;
      this.#change({ [side]: { kind: "failed", error: ConnectError.from(reason) } });
    }
  }

  /**
   * Puts arrivals on top, or in place of everything if they do not join it. `cursor` is where the stream
   * stands behind them; one who `isReading` further down keeps more rows.
   */
  arrive({ rows, dropped, droppedMs }: Arrivals, cursor: string, isReading: boolean): void {
    const newestFirst = rows.toReversed();
    if (dropped > 0 || this.#cursor === undefined) {
      const ms = Math.max(this.#latestMs, droppedMs ?? Number.NEGATIVE_INFINITY);
      this.#window.replace(newestFirst);
      if (ms !== Number.NEGATIVE_INFINITY) this.#moveEdge("older", this.#listBeyond("older", ms));
      this.#moveEdge("newer", { kind: "end" });
      this.#cursor = cursor;
      this.#noteLatest(rows);
      this.#change({ generation: this.#shown.generation + 1 });
      return;
    }
    this.#cursor = cursor;
    const added = this.#window.addNewer(newestFirst);
    if (added === 0) return;
    this.#noteLatest(rows);
    const limit = isReading ? this.limits.rows : this.limits.liveRows;
    if (this.#window.rows.length > limit + slack) this.#trimOldest(limit);
    this.#change({ onTop: this.#shown.onTop + added });
  }

  async #open(): Promise<void> {
    await this.read("older");
    // So that there is something to scroll up to.
    if (this.#at !== undefined && this.#shown.older.kind !== "failed") await this.read("newer");
  }

  /** Reads until there is a row, the end, or enough in vain. */
  async #readFrom(side: Side, signal: AbortSignal): Promise<SideStatus> {
    const order = side === "older" ? "newest" : "oldest";
    for (let pages = 0; pages < fruitlessPages; pages++) {
      const edge = this.#edges[side];
      if (edge.kind === "end") return { kind: "end" };
      const page = await readPage(this.#client, this.query, order, edge, signal);
      // Meanwhile rows may have been trimmed on this side, and the page does not join the others.
      if (signal.aborted || this.#edges[side] !== edge) return restingStatus(this.#edges[side]);
      this.#edges[side] = page.edge;
      if (this.#edges.newer.kind === "end") this.#cursor ??= page.cursor;
      if (this.#add(side, page.rows) > 0) return restingStatus(page.edge);
    }
    return this.#edges[side].kind === "end" ? { kind: "end" } : { kind: "searched" };
  }

  #add(side: Side, rows: readonly TrailRow[]): number {
    this.#noteLatest(rows);
    const { limits } = this;
    if (side === "older") {
      const added = this.#window.addOlder(rows);
      const trimmed = this.#window.trimNewest(limits.rows);
      if (trimmed !== undefined) {
        this.#moveEdge("newer", this.#listBeyond("newer", trimmed.ms));
        this.#cursor = undefined;
      }
      this.#change({ onTop: this.#shown.onTop - (trimmed?.count ?? 0) });
      return added;
    }
    const added = this.#window.addNewer(rows.toReversed());
    this.#trimOldest(limits.rows);
    this.#change({ onTop: this.#shown.onTop + added });
    return added;
  }

  #trimOldest(limit: number): void {
    const ms = this.#window.trimOldest(limit);
    if (ms !== undefined) this.#moveEdge("older", this.#listBeyond("older", ms));
  }

  /** Puts a side's edge elsewhere. What is being read there does not join it any more, and will see that. */
  #moveEdge(side: Side, edge: Edge): void {
    this.#edges[side] = edge;
    if (this.#shown[side].kind === "loading") return;
    this.#shown = { ...this.#shown, [side]: restingStatus(edge) };
  }

  #firstEdges(): Record<Side, Edge> {
    const { filter } = this.query;
    if (this.#at === undefined) return { older: listEdge(filter), newer: { kind: "end" } };
    return {
      older: this.#listBeyond("older", this.#at),
      newer: this.#listBeyond("newer", this.#at + 1),
    };
  }

  #listBeyond(side: Side, ms: number): Edge {
    const { filter } = this.query;
    return listEdge(side === "older" ? upTo(filter, ms) : onFrom(filter, ms));
  }

  /** What is said of the sides when nothing is being read. */
  #resting(): Pick<TrailRows, Side> {
    return {
      older: restingStatus(this.#edges.older),
      newer: restingStatus(this.#edges.newer),
    };
  }

  #noteLatest(rows: readonly TrailRow[]): void {
    for (const row of rows) this.#latestMs = Math.max(this.#latestMs, recordMs(row));
  }

  #change(change: Partial<TrailRows>): void {
    this.#shown = { ...this.#shown, ...change, rows: this.#window.rows };
    for (const listener of this.#listeners) listener();
  }
}
