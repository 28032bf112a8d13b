/** The live view of a trail: when what arrives is shown. */
import { Code } from "@connectrpc/connect";
import type { AuditCalls } from "../../client/audit-calls.ts";
import { trailRow } from "../trail/trail-row.ts";
import type { TrailStore } from "../trail/trail-store.ts";
import { ArrivalRate } from "./arrival-rate.ts";
import { LiveBuffer } from "./live-buffer.ts";
import { type FeedState, LiveFeed } from "./live-feed.ts";

/** What is said of the live view. Another object whenever something of it has changed. */
export interface LiveStatus {
  readonly feed: FeedState;
  readonly isPaused: boolean;
  /** How many have arrived and are not shown: because of a pause, or because one reads further down. */
  readonly waiting: number;
  /** Entries a second. */
  readonly perSecond: number;
}

/** Runs a function soon, and not at all while nobody sees the page. */
export type Schedule = (work: () => void) => void;

/** The least time between two updates of the table: ten a second. */
const showEveryMs = 100;
/** The same when each would bring other rows altogether, which nobody can read. */
const floodEveryMs = 250;
/** Entries a second from which on that is so. */
const floodPerSecond = 200;
/** The least time between two updates of the figures. */
const tellEveryMs = 250;

const off: LiveStatus = { feed: { kind: "off" }, isPaused: false, waiting: 0, perSecond: 0 };

/** Follows a trail's log and puts what arrives on top of it, while one is there to see it. */
export class LiveTrail {
  readonly #store: TrailStore;
  readonly #schedule: Schedule;
  readonly #feed: LiveFeed;
  readonly #buffer: LiveBuffer;
  readonly #rate = new ArrivalRate();
  readonly #listeners = new Set<() => void>();
  #isOn = false;
  #isAtTop = true;
  #isScheduled = false;
  #shownAtMs = 0;
  #toldAtMs = 0;
  #status = off;

  constructor(client: Pick<AuditCalls, "tail">, store: TrailStore, schedule: Schedule) {
    this.#store = store;
    // A browser's function must be called on its own.
    this.#schedule = (work) => schedule(work);
    this.#buffer = new LiveBuffer((row) => store.has(row), store.limits.liveRows);
    this.#feed = new LiveFeed(client, store.query, {
      onEntry: (entry) => {
        this.#rate.add(Date.now());
        if (this.#buffer.add(trailRow(entry))) this.#work();
      },
      onState: (feed) => this.#tell({ feed }),
    });
    store.subscribe(() => this.#follow());
  }

  readonly subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };

  readonly getStatus = (): LiveStatus => this.#status;

  /** Follows, from the newest row that is held on. */
  turnOn(): void {
    if (this.#isOn) return;
    this.#isOn = true;
    this.#tell({ ...off, feed: { kind: "connecting" } });
    if (this.#store.cursor === undefined && this.#store.getRows().rows.length > 0) {
      this.#store.reload();
    }
    this.#follow();
  }

  /** Stops. What is held stays, and what waits joins it if it can. */
  turnOff(): void {
    if (!this.#isOn) return;
    this.#isOn = false;
    // What does not join is left to the next time: the trail's cursor is still before it.
    if (!this.#buffer.hasGap) this.#show();
    this.#buffer.clear();
    this.#feed.stop();
    this.#rate.clear();
    this.#tell(off);
  }

  /** Keeps what arrives from the table, or lets it in again. */
  setPaused(isPaused: boolean): void {
    this.#tell({ isPaused });
    this.#showIfFollowed();
  }

  /** Says whether the newest row is in sight, so that others may come before it. */
  setAtTop(isAtTop: boolean): void {
    this.#isAtTop = isAtTop;
    this.#showIfFollowed();
  }

  /** Follows again after the connection has ended: from where it did, or anew if that is no more. */
  restart(): void {
    const { feed } = this.#status;
    if (feed.kind !== "ended") return;
    const isRefused = [Code.Unauthenticated, Code.PermissionDenied].includes(feed.error.code);
    this.#tell({ feed: { kind: "connecting" } });
    if (isRefused && this.#feed.cursor !== undefined) this.#feed.start(this.#feed.cursor);
    else {
      this.#buffer.clear();
      this.#store.reload();
    }
  }

  /** Follows again if it ended for want of a credential. */
  renew(): void {
    const { feed } = this.#status;
    if (feed.kind === "ended" && feed.error.code === Code.Unauthenticated) this.restart();
  }

  #follow(): void {
    const { cursor } = this.#store;
    const isDue = this.#isOn && this.#status.feed.kind === "connecting" && !this.#feed.isRunning;
    if (isDue && cursor !== undefined) this.#feed.start(cursor);
  }

  /** Shows what has arrived, or says how much there is, in the next frame that is due. */
  #work(): void {
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    this.#schedule(() => {
      this.#isScheduled = false;
      const now = Date.now();
      const isFollowed = this.#isAtTop && !this.#status.isPaused;
      const isFlood = this.#status.perSecond >= floodPerSecond;
      const everyMs = isFlood ? floodEveryMs : showEveryMs;
      if (isFollowed && now - this.#shownAtMs >= everyMs) this.#show();
      if (now - this.#toldAtMs >= tellEveryMs) this.#tellFigures(now);
      const { count } = this.#buffer;
      const isUntold = this.#status.perSecond > 0 || count !== this.#status.waiting;
      if (this.#isOn && (isFollowed ? isUntold || count > 0 : isUntold)) this.#work();
    });
  }

  #showIfFollowed(): void {
    if (this.#isAtTop && !this.#status.isPaused) this.#show();
  }

  #show(): void {
    const { cursor } = this.#feed;
    if (this.#buffer.count === 0 || cursor === undefined) return;
    this.#shownAtMs = Date.now();
    this.#store.arrive(this.#buffer.take(), cursor, !this.#isAtTop);
    this.#tellFigures(this.#shownAtMs);
  }

  #tellFigures(now: number): void {
    const waiting = this.#isAtTop && !this.#status.isPaused ? 0 : this.#buffer.count;
    const perSecond = this.#rate.perSecond(now);
    this.#toldAtMs = now;
    if (waiting === this.#status.waiting && perSecond === this.#status.perSecond) return;
    this.#tell({ waiting, perSecond });
  }

  #tell(change: Partial<LiveStatus>): void {
    this.#status = { ...this.#status, ...change };
    for (const listener of this.#listeners) listener();
  }
}
