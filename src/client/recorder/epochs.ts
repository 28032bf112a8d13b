/**
 * Counts what is unsettled by when it was taken, so that a flush waits for what came before it and for
 * nothing that came after.
 */
export class Epochs {
  readonly #unsettled = new Map<number, number>();
  #current = 1;

  /** What is taken now belongs to this one. */
  get current(): number {
    return this.#current;
  }

  /** Something was taken in the current epoch. */
  taken(): void {
    this.#unsettled.set(this.#current, (this.#unsettled.get(this.#current) ?? 0) + 1);
  }

  /** Something of an epoch was settled. */
  settled(epoch: number): void {
    const left = (this.#unsettled.get(epoch) ?? 0) - 1;
    if (left > 0) this.#unsettled.set(epoch, left);
    else this.#unsettled.delete(epoch);
  }

  /** Begins a new epoch; answers the one that ends. */
  advance(): number {
    this.#current += 1;
    return this.#current - 1;
  }

  /** Whether something taken up to this epoch is unsettled. */
  has(epoch: number): boolean {
    // They are in the order in which they began.
    const first = this.#unsettled.keys().next().value;
    return first !== undefined && first <= epoch;
  }
}
