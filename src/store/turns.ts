/** How many take turns, and what is said to who comes beyond that. */
export interface TurnsOptions {
  /** At a time. */
  readonly running: number;
  /** In line behind them. */
  readonly waiting: number;
  /** In line for one team and for one of its members, so that there is room for others; all of it unless given. */
  readonly waitingOfTeam?: number;
  readonly waitingOfMember?: number;
  readonly refusal: () => Error;
}

/** Whose turn it is. Who belongs to no team is one of their own. */
export interface TurnOwner {
  readonly team: string;
  readonly member: string;
}

/** How to wait for a turn. */
export interface TakeOptions {
  /** Whoever does not wait any longer leaves the line; what it aborts with is thrown. */
  readonly signal?: AbortSignal;
  /** Never refused, and not counted among those for whom there is room. */
  readonly patient?: boolean;
}

interface Waiting {
  readonly owner: TurnOwner;
  readonly patient: boolean;
  readonly begin: () => void;
}

const anybody: TurnOwner = { team: "", member: "" };

/**
 * Lets so many do something at a time. Next comes a team that has the fewest turns under way, of it a member
 * who has the fewest, of these who came first: neither many members of one team nor one who asks for much
 * keeps others waiting. For what would otherwise take all sessions of a pool.
 */
export class Turns {
  readonly #options: TurnsOptions;
  /** In the order of coming. */
  readonly #waiting = new Set<Waiting>();
  /** Whose turns are being taken, named once for each. */
  readonly #running: TurnOwner[] = [];

  constructor(options: TurnsOptions) {
    this.#options = options;
  }

  /**
   * Waits for a turn; dispose of it when it is over.
   *
   * @throws what `refusal` makes if the line is full; the signal's reason.
   */
  async take(
    owner: TurnOwner = anybody,
    { signal, patient = false }: TakeOptions = {},
  ): Promise<Disposable> {
    signal?.throwIfAborted();
    if (this.#running.length < this.#options.running) {
      this.#running.push(owner);
    } else {
      if (!patient && this.#isFull(owner)) throw this.#options.refusal();
      await this.#wait(owner, patient, signal);
    }
    return { [Symbol.dispose]: () => this.#next(owner) };
  }

  #isFull({ team, member }: TurnOwner): boolean {
    const { waiting, waitingOfTeam = waiting, waitingOfMember = waiting } = this.#options;
    const all = [...this.#waiting].filter(({ patient }) => !patient).map(({ owner }) => owner);
    const ofTeam = all.filter((owner) => owner.team === team);
    const ofMember = ofTeam.filter((owner) => owner.member === member);
    return (
      all.length >= waiting || ofTeam.length >= waitingOfTeam || ofMember.length >= waitingOfMember
    );
  }

  #wait(owner: TurnOwner, patient: boolean, signal: AbortSignal | undefined): Promise<void> {
    return new Promise((resolve, reject) => {
      const leave = () => {
        this.#waiting.delete(place);
        reject(signal?.reason);
      };
      const begin = () => {
        signal?.removeEventListener("abort", leave);
        resolve();
      };
      const place = { owner, patient, begin };
      this.#waiting.add(place);
      signal?.addEventListener("abort", leave, { once: true });
    });
  }

  /** Hands the place of a turn that has ended to who comes next. */
  #next(ended: TurnOwner): void {
    this.#running.splice(this.#running.indexOf(ended), 1);
    let next: Waiting | undefined;
    let least = Number.POSITIVE_INFINITY;
    for (const each of this.#waiting) {
      const underWay = this.#underWay(each.owner);
      if (underWay >= least) continue;
      next = each;
      least = underWay;
    }
    if (next === undefined) return;
    this.#waiting.delete(next);
    this.#running.push(next.owner);
    next.begin();
  }

  /** How many turns an owner's team has, and of as many the owner. */
  #underWay({ team, member }: TurnOwner): number {
    const ofTeam = this.#running.filter((owner) => owner.team === team);
    const ofMember = ofTeam.filter((owner) => owner.member === member);
    return ofTeam.length * (this.#options.running + 1) + ofMember.length;
  }
}
