import { setTimeout as delay } from "node:timers/promises";
import type { TeamIdText } from "../../src/client/new-entry.ts";
import type { Recorder } from "../../src/client/recorder/recorder.ts";

/** What tells one caller's entries: they come as 1, 2, 3 … in each team. */
export interface CountedBy {
  /** The entry's metadata. */
  readonly caller: string;
  readonly number: number;
}

/** How much to record. */
export interface TrafficOptions {
  readonly teams: readonly string[];
  /** Callers are named after this; 3 unless given. */
  readonly callers?: number;
  readonly name?: string;
  /** Bytes of metadata that each entry has besides. */
  readonly padding?: number;
}

/**
 * Callers that record at once in the same teams, as the requests of a service do. Each counts its
 * entries in each team.
 */
export class RecorderTraffic {
  readonly teams: readonly string[];
  readonly callers: readonly string[];
  /** What `record` threw. It never should. */
  readonly thrown: unknown[] = [];
  readonly #recorder: Pick<Recorder, "record">;
  readonly #padding: string;
  /** The last number of a caller in a team. */
  readonly #counted = new Map<string, number>();
  #running: Promise<unknown> | undefined;
  #stopped = false;

  constructor(recorder: Pick<Recorder, "record">, options: TrafficOptions) {
    const { teams, callers = 3, name = "caller", padding = 0 } = options;
    this.#recorder = recorder;
    this.teams = teams;
    this.callers = Array.from({ length: callers }, (_, i) => `${name} ${i + 1}`);
    this.#padding = "x".repeat(padding);
  }

  /** How many entries have been recorded. */
  get taken(): number {
    return [...this.#counted.values()].reduce((sum, count) => sum + count, 0);
  }

  /** Records so many entries, the callers by turns, pausing now and then as callers do. */
  async record(entries: number): Promise<void> {
    for (let i = 0; i < entries; i++) {
      this.#next(i);
      if (i % 5 === 4) await delay(1);
    }
  }

  /** Records so many entries without letting anything else run. */
  burst(entries: number): void {
    for (let i = 0; i < entries; i++) this.#next(i);
  }

  /** Records about a thousand entries a second until `stop`. */
  start(): void {
    this.#stopped = false;
    this.#running ??= (async () => {
      for (let i = 0; !this.#stopped; i++) {
        this.#next(i);
        if (i % 5 === 4) await delay(5);
      }
    })();
  }

  /** Ends what `start` began. */
  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#running;
    this.#running = undefined;
  }

  #next(i: number): void {
    const caller = this.callers[i % this.callers.length] as string;
    const teamId = this.teams[
      Math.floor(i / this.callers.length) % this.teams.length
    ] as TeamIdText;
    const key = `${caller} in ${teamId}`;
    const number = (this.#counted.get(key) ?? 0) + 1;
    this.#counted.set(key, number);
    const counted: CountedBy = { caller, number };
    const metadata = this.#padding === "" ? { ...counted } : { ...counted, padding: this.#padding };
    try {
      this.#recorder.record({ teamId, action: "count", metadata });
    } catch (error) {
      this.thrown.push(error);
    }
  }
}
