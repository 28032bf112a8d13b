import { Alarm } from "./alarms.ts";

/** What is waited for: it ends the waits of those in `waiting`, and counts its signs of more. */
export interface Awaited {
  readonly wakes: number;
  readonly waiting: Set<Waiter>;
}

/**
 * One who waits time and again. It hears of the abort by one listener for all its waits, and an
 * alarm that is set is left alone by a wait that ends sooner: as both would cost more than the
 * rest of a wait. Dispose of it at the end.
 */
export class Waiter implements Disposable {
  readonly #awaited: Awaited;
  readonly #signal: AbortSignal;
  readonly #onAbort = () => this.end();
  #resolve: (() => void) | undefined;
  /** When the wait ends, and for when the alarm is set. */
  #dueMs = 0;
  #alarmMs = Number.POSITIVE_INFINITY;
  readonly #alarm = new Alarm(() => this.#onAlarm());

  constructor(awaited: Awaited, signal: AbortSignal) {
    this.#awaited = awaited;
    this.#signal = signal;
    signal.addEventListener("abort", this.#onAbort, { once: true });
  }

  /**
   * Waits until woken, until the signal aborts, or for about `ms` (see {@link Alarm.set}); not at all
   * if there was a sign of more since `wakes` was read. One wait at a time.
   */
  wait(ms: number, wakes = this.#awaited.wakes): Promise<void> {
    if (this.#signal.aborted || wakes !== this.#awaited.wakes) return Promise.resolve();
    this.#dueMs = performance.now() + ms;
    if (this.#dueMs < this.#alarmMs) this.#setAlarm(ms);
    this.#awaited.waiting.add(this);
    return new Promise((resolve) => {
      this.#resolve = resolve;
    });
  }

  /** Ends the wait, if there is one. */
  end(): void {
    const resolve = this.#resolve;
    if (resolve === undefined) return;
    this.#resolve = undefined;
    this.#awaited.waiting.delete(this);
    resolve();
  }

  [Symbol.dispose](): void {
    this.#alarm.clear();
    this.#signal.removeEventListener("abort", this.#onAbort);
    this.end();
  }

  #setAlarm(ms: number): void {
    this.#alarmMs = performance.now() + ms;
    this.#alarm.set(ms);
  }

  #onAlarm(): void {
    this.#alarmMs = Number.POSITIVE_INFINITY;
    if (this.#resolve === undefined) return;
    const leftMs = this.#dueMs - performance.now();
    if (leftMs > 0) this.#setAlarm(leftMs);
    else this.end();
  }
}
