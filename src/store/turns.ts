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
 * Lets so many do something at a time, first come, first served, but for owners who have no turn: they go
 * before those who have one. For what would otherwise take all sessions of a pool.
 */
export class Turns {
  readonly #options: TurnsOptions;
  readonly #waiting: { readonly owner: string; readonly begin: () => void }[] = [];
  /** Whose turns are being taken, named once for each. */
  readonly #running: string[] = [];

  constructor(options: TurnsOptions) {
    this.#options = options;
  }

  /** Waits for a turn; dispose of it when it is over. @throws what `refusal` makes if the line is full. */
  async take(owner = ""): Promise<Disposable> {
    const { running, waiting, waitingEach = waiting, refusal } = this.#options;
    if (this.#running.length < running) {
      this.#running.push(owner);
    } else {
      const own = this.#waiting.filter((each) => each.owner === owner).length;
      if (this.#waiting.length >= waiting || own >= waitingEach) throw refusal();
      await new Promise<void>((begin) => this.#waiting.push({ owner, begin }));
    }
    return { [Symbol.dispose]: () => this.#next(owner) };
  }

  /** Hands the place to who waits longest, of those without a turn if there are any. */
  #next(ended: string): void {
    this.#running.splice(this.#running.indexOf(ended), 1);
    const idle = this.#waiting.findIndex(({ owner }) => !this.#running.includes(owner));
    const [next] = this.#waiting.splice(Math.max(0, idle), 1);
    if (next === undefined) return;
    this.#running.push(next.owner);
    next.begin();
  }
}
