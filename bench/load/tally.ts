/** What one run of load has brought. */
export interface Tally {
  /** Successful answers within the time that was measured. */
  readonly answers: number;
  /** Successful answers in all, those that came after that time included. */
  readonly total: number;
  /** How long was measured. */
  readonly seconds: number;
  /** What else was answered, and how often. */
  readonly problems: Readonly<Record<string, number>>;
  /** Milliseconds from the (intended) send time to the end of each successful answer, ascending. */
  readonly latenciesMs: Float64Array;
  /** Milliseconds from intended to actual send time, ascending; empty in a closed loop. */
  readonly lagsMs: Float64Array;
  /** CPU time of the load generator, all its threads. */
  readonly cpuSeconds: number;
}

/** Collects the answers of one run. */
export class Tallying {
  readonly #begin = performance.now();
  readonly #cpu = process.cpuUsage();
  readonly #end: number;
  readonly #latencies: number[] = [];
  readonly #lags: number[] = [];
  readonly #problems = new Map<string, number>();
  #within = 0;
  #total = 0;

  /** For so long; what is answered later counts towards the total alone. */
  constructor(seconds: number) {
    this.#end = this.#begin + seconds * 1_000;
  }

  /** When the time is over, on the clock of `performance.now()`. */
  get end(): number {
    return this.#end;
  }

  get begin(): number {
    return this.#begin;
  }

  /** Adds an answer to what was (to be) sent at a time. */
  add(sent: number, problem: string | undefined): void {
    if (problem !== undefined) {
      this.#problems.set(problem, (this.#problems.get(problem) ?? 0) + 1);
      return;
    }
    const now = performance.now();
    this.#latencies.push(now - sent);
    this.#total++;
    if (now <= this.#end) this.#within++;
  }

  /** Adds how late something was sent. */
  addLag(ms: number): void {
    this.#lags.push(ms);
  }

  /** All answers are in. */
  finish(): Tally {
    const { user, system } = process.cpuUsage(this.#cpu);
    return {
      answers: this.#within,
      total: this.#total,
      seconds: (this.#end - this.#begin) / 1_000,
      problems: Object.fromEntries(this.#problems),
      latenciesMs: Float64Array.from(this.#latencies).sort(),
      lagsMs: Float64Array.from(this.#lags).sort(),
      cpuSeconds: (user + system) / 1e6,
    };
  }
}
