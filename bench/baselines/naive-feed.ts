import type { AuditEntry } from "../../gen/audit/v1/entry_pb.ts";
import type { NaiveFilter, NaiveStore } from "./naive-store.ts";

/** Somebody who follows a team. */
interface Subscriber {
  readonly filter: NaiveFilter;
  readonly push: (entry: AuditEntry) => void;
}

/** Reads each row that is notified, if anybody follows its team, and pushes it to those who do. */
export class NaiveFeed {
  readonly #store: NaiveStore;
  readonly #onError: (error: unknown) => void;
  readonly #subscribers = new Map<string, Set<Subscriber>>();

  constructor(store: NaiveStore, onError: (error: unknown) => void) {
    this.#store = store;
    this.#onError = onError;
  }

  /** Starts to listen. */
  start(): Promise<void> {
    return this.#store.listen((key) => {
      const subscribers = this.#subscribers.get(key.teamId);
      if (subscribers === undefined) return;
      this.#store.read(key).then((entry) => {
        if (entry === undefined) return;
        for (const { filter, push } of subscribers) if (matches(entry, filter)) push(entry);
      }, this.#onError);
    });
  }

  /** Pushes what is inserted from now on, until the function returned is called. */
  subscribe(teamId: string, filter: NaiveFilter, push: (entry: AuditEntry) => void): () => void {
    const subscriber = { filter, push };
    const subscribers = this.#subscribers.get(teamId) ?? new Set();
    this.#subscribers.set(teamId, subscribers.add(subscriber));
    return () => {
      subscribers.delete(subscriber);
      if (subscribers.size === 0) this.#subscribers.delete(teamId);
    };
  }
}

function matches(entry: AuditEntry, filter: NaiveFilter): boolean {
  const within = (wanted: readonly string[], value: string | undefined) =>
    wanted.length === 0 || (value !== undefined && wanted.includes(value));
  return (
    within(filter.resourceTypes, entry.resource?.type) &&
    within(filter.resourceIds, entry.resource?.id) &&
    within(filter.actions, entry.action) &&
    within(filter.actorIds, entry.actor?.id) &&
    within(filter.requestIds, entry.context?.requestId)
  );
}

/** Entries that wait for one subscriber, without a limit, as one writes it in a day. */
export class Waiting {
  #entries: AuditEntry[] = [];
  #wake: (() => void) | undefined;

  push(entry: AuditEntry): void {
    this.#entries.push(entry);
    this.#wake?.();
  }

  /** What has come, as soon as something has; an empty array when the signal is aborted. */
  async take(signal: AbortSignal): Promise<AuditEntry[]> {
    if (this.#entries.length === 0 && !signal.aborted) {
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#wake = resolve;
      signal.addEventListener("abort", () => resolve(), { once: true });
      await promise;
    }
    const taken = this.#entries;
    this.#entries = [];
    return taken;
  }
}
