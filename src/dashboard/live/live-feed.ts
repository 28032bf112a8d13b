/** The connection of the live view: follows a log from a cursor and says how it stands. */
import { ConnectError } from "@connectrpc/connect";
import type { AuditCalls } from "../../client/audit-calls.ts";
import type { EntryJson } from "../../client/entry-json.ts";
import type { TrailQuery } from "../trail/trail-query.ts";

/** How a connection stands. */
export type FeedState =
  | { readonly kind: "off" }
  | { readonly kind: "connecting" }
  | { readonly kind: "open" }
  /** Lost; it is tried again at a time in milliseconds since 1970. */
  | { readonly kind: "waiting"; readonly retryAtMs: number; readonly error: ConnectError }
  /** Over, for a reason that trying again does not mend. */
  | { readonly kind: "ended"; readonly error: ConnectError };

/** Who is told. */
export interface FeedListener {
  onEntry(entry: EntryJson): void;
  onState(state: FeedState): void;
}

/** Follows one query at a time. */
export class LiveFeed {
  readonly #client: Pick<AuditCalls, "tail">;
  readonly #query: TrailQuery;
  readonly #listener: FeedListener;
  #controller: AbortController | undefined;
  #cursor: string | undefined;

  constructor(client: Pick<AuditCalls, "tail">, query: TrailQuery, listener: FeedListener) {
    this.#client = client;
    this.#query = query;
    this.#listener = listener;
  }

  /** Every entry up to here was given to the listener. Undefined before the first start. */
  get cursor(): string | undefined {
    return this.#cursor;
  }

  /** Whether it was started and has neither been stopped nor ended. */
  get isRunning(): boolean {
    return this.#controller !== undefined;
  }

  /** Follows from a cursor on, instead of what it followed before. */
  start(cursor: string): void {
    this.#controller?.abort();
    const controller = new AbortController();
    this.#controller = controller;
    this.#cursor = cursor;
    this.#listener.onState({ kind: "connecting" });
    void this.#follow(cursor, controller);
  }

  /** Ends the connection; nothing is told any more. */
  stop(): void {
    if (this.#controller === undefined) return;
    this.#controller.abort();
    this.#controller = undefined;
    this.#listener.onState({ kind: "off" });
  }

  async #follow(after: string, controller: AbortController): Promise<void> {
    const { signal } = controller;
    const { onEntry, onState } = this.#listener;
    const { teamId, allTeams, filter } = this.#query;
    try {
      const entries = this.#client.tail({
        ...(allTeams ? { allTeams } : { teamId }),
        ...{ filter, after, signal },
        onCursor: (cursor) => {
          if (!signal.aborted) this.#cursor = cursor;
        },
        onState: (state) => {
          if (signal.aborted) return;
          if (state.connected) onState({ kind: "open" });
          else {
            const { error, retryInMs } = state;
            onState({ kind: "waiting", retryAtMs: Date.now() + retryInMs, error });
          }
        },
      });
      for await (const entry of entries) {
        if (signal.aborted) return;
        onEntry(entry);
      }
    } catch (reason) {
      if (signal.aborted) return;
      this.#controller = undefined;
      onState({ kind: "ended", error: ConnectError.from(reason) });
    }
  }
}
