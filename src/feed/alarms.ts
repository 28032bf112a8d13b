/** An alarm may ring late by so much of the time that it is set for, and a millisecond. */
const latePart = 1 / 32;

/** Alarms that ring together, by when they do in milliseconds of `performance.now()`. */
const due = new Map<number, Together>();

/** Alarms of one time. */
interface Together {
  readonly dueMs: number;
  readonly alarms: Set<Alarm>;
  readonly timer: NodeJS.Timeout;
}

/**
 * Calls back about when it is set to. Those that are due at about the same time ring together, by
 * one timer: a process with thousands of idle streams, each of which waits for its next heartbeat
 * and its next check, wakes a few times a second for all of them, and what is then written to
 * several streams of a connection leaves as one.
 */
export class Alarm implements Disposable {
  readonly #ring: () => void;
  #together: Together | undefined;

  constructor(ring: () => void) {
    this.#ring = ring;
  }

  /** Rings once, after `ms` and at most a thirty-second part of it later, unless set anew before. */
  set(ms: number): void {
    this.clear();
    const now = performance.now();
    // Powers of two, so that the steps of those who wait about as long are the same.
    const stepMs = 2 ** Math.max(0, Math.floor(Math.log2(ms * latePart)));
    const dueMs = Math.ceil((now + ms) / stepMs) * stepMs;
    let together = due.get(dueMs);
    if (together === undefined) {
      together = {
        dueMs,
        alarms: new Set(),
        timer: setTimeout(Alarm.#ringAll, dueMs - now, dueMs),
      };
      due.set(dueMs, together);
    }
    together.alarms.add(this);
    this.#together = together;
  }

  /** Does not ring any more, until set anew. */
  clear(): void {
    const together = this.#together;
    if (together === undefined) return;
    this.#together = undefined;
    together.alarms.delete(this);
    if (together.alarms.size > 0 || due.get(together.dueMs) !== together) return;
    clearTimeout(together.timer);
    due.delete(together.dueMs);
  }

  [Symbol.dispose](): void {
    this.clear();
  }

  static #ringAll(dueMs: number): void {
    const together = due.get(dueMs);
    due.delete(dueMs);
    for (const alarm of together?.alarms ?? []) {
      // One that is cleared by another before its turn is not in the set any more.
      alarm.#together = undefined;
      alarm.#ring();
    }
  }
}
