/** How many take turns, and what is said to who comes beyond that. */
export interface TurnsOptions {
  /** At a time. */
  readonly running: number;
  /** In line behind them. */
  readonly waiting: number;
  /** In line for one owner, so that there is room for others; all of it unless given. */
  readonly waitingEach?: number;
  readonly refusal: () => Error;
}

/**
 * Lets so many do something at a time, first come, first served: for what would otherwise take all
 * sessions of a pool.
 */
export class Turns {
  readonly #options: TurnsOptions;
  readonly #waiting: { readonly owner: string; readonly begin: () => void }[] = [];
  #running = 0;

  constructor(options: TurnsOptions) {
    this.#options = options;
  }

  /** Waits for a turn; dispose of it when it is over. @throws what `refusal` makes if the line is full. */
  async take(owner = ""): Promise<Disposable> {
    const { running, waiting, waitingEach = waiting, refusal } = this.#options;
    if (this.#running < running) {
      this.#running += 1;
    } else {
      const own = this.#waiting.filter((each) => each.owner === owner).length;
      if (this.#waiting.length >= waiting || own >= waitingEach) throw refusal();
      await new Promise<void>((begin) => this.#waiting.push({ owner, begin }));
    }
    return { [Symbol.dispose]: () => this.#next() };
  }

  /** Hands the place to who waits longest. */
  #next(): void {
    const next = this.#waiting.shift();
    if (next === undefined) this.#running -= 1;
    else next.begin();
  }
}
