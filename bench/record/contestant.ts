import type { Shape } from "../load/load.ts";

/** One turn of a contestant. */
export interface Turn {
  /** Entries committed and answered a second, within the time. */
  readonly perSecond: number;
  /** Milliseconds, ascending: see Tally and PgbenchRun. */
  readonly latenciesMs: Float64Array;
  /** CPU µs an entry: of the server, of PostgreSQL, and of what made the load. */
  readonly serverCpu: number;
  readonly postgresCpu: number;
  readonly loadCpu: number;
  /** How late calls were sent, p99 in ms; 0 in a closed loop. */
  readonly lagMs: number;
}

/** Something that records entries under load. */
export interface Contestant extends AsyncDisposable {
  readonly name: string;
  /**
   * Takes a turn, and checks that the database holds exactly what was acknowledged.
   *
   * @throws Error if a call failed or something was lost: there is no figure then.
   */
  run(shape: Shape): Promise<Turn>;
  /** The most memory that its server ever had: bytes; 0 if it has no server. */
  peakBytes(): number;
  /** What is to be true in the end, beyond the counts. */
  verify(): Promise<void>;
}
