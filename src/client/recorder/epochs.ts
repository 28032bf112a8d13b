/**
 * Counts what is unsettled by when it was taken, so that a flush waits for what came before it and for
 * nothing that came after.
 */
export class Epochs {
  #current = 1;
  /** Of the current epoch: a number, since each entry is counted. */
  #unsettled = 0;
  /** Of those before it, where anything is, in the order in which they began. */
  readonly #before = new Map<number, number>();

  /** Something is taken; answers the epoch that it belongs to. */
  take(): number {
    this.#unsettled += 1;
    return this.#current;
  }

  /** Something of an epoch was settled. */
  settle(epoch: number): void {
    if (epoch === this.#current) {
      this.#unsettled -= 1;
      return;
    }
    const left = (this.#before.get(epoch) ?? 0) - 1;
    if (left > 0) this.#before.set(epoch, left);
    else this.#before.delete(epoch);
  }

  /** Begins a new epoch; answers the one that ends. */
  advance(): number {
    if (this.#unsettled > 0) this.#before.set(this.#current, this.#unsettled);
    this.#unsettled = 0;
    this.#current += 1;
    return this.#current - 1;
  }

  /** Whether something taken up to this epoch, which has ended, is unsettled. */
  has(epoch: number): boolean {
    const first = this.#before.keys().next().value;
    return first !== undefined && first <= epoch;
  }
}
