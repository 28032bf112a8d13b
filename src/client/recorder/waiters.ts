import { longestTimerMs } from "../backoff.ts";
import type { EntryJson } from "../entry-json.ts";
import { NotRecordedError, type WaitOptions } from "./recorder.ts";

interface Waiter {
  resolve(entry: EntryJson): void;
  reject(error: NotRecordedError): void;
}

const defaultTimeoutMs = 30_000;

/** Those who wait to hear what became of an entry, by its id. */
export class Waiters {
  readonly #byId = new Map<string, Set<Waiter>>();

  /** Whether somebody waits for this entry. */
  has(id: string): boolean {
    return this.#byId.has(id);
  }

  /** Waits for an entry. @throws NotRecordedError. */
  wait(id: string, { timeoutMs = defaultTimeoutMs, signal }: WaitOptions): Promise<EntryJson> {
    return new Promise<EntryJson>((resolve, reject) => {
      const waiters = this.#byId.get(id) ?? new Set();
      const leave = () => {
        clearTimeout(timer);
        signal?.removeEventListener("abort", giveUp);
        waiters.delete(waiter);
        if (waiters.size === 0 && this.#byId.get(id) === waiters) this.#byId.delete(id);
      };
      const waiter: Waiter = {
        resolve: (entry) => {
          leave();
          resolve(entry);
        },
        reject: (error) => {
          leave();
          reject(error);
        },
      };
      const giveUp = () => {
        const why = signal?.aborted ? "the wait was aborted" : `not known after ${timeoutMs} ms`;
        waiter.reject(new NotRecordedError("unknown", "time", `${why}: it may yet be recorded`));
      };
      const timer = setTimeout(giveUp, Math.min(timeoutMs, longestTimerMs));
      signal?.addEventListener("abort", giveUp);
      waiters.add(waiter);
      this.#byId.set(id, waiters);
      if (signal?.aborted) giveUp();
    });
  }

  /** It was recorded. */
  recorded(id: string, entry: () => EntryJson): void {
    const waiters = this.#byId.get(id);
    if (waiters === undefined) return;
    const json = entry();
    for (const waiter of [...waiters]) waiter.resolve(json);
  }

  /** It will not be. */
  failed(id: string, error: NotRecordedError): void {
    for (const waiter of [...(this.#byId.get(id) ?? [])]) waiter.reject(error);
  }

  /** Nobody will hear any more. */
  failAll(error: NotRecordedError): void {
    for (const id of [...this.#byId.keys()]) this.failed(id, error);
  }
}
