import type { BackoffOptions } from "../backoff.ts";
import type { AuditClient } from "../client.ts";
import { surroundings } from "../context/surroundings.ts";
import { type EntryJson, entryToJson } from "../entry-json.ts";
import { tellAmended } from "../events/amended.ts";
import type { Redaction } from "../metadata/redaction.ts";
import type { NewEntry } from "../new-entry.ts";
import { Accounts } from "./accounts.ts";
import { atExit } from "./at-exit.ts";
import { Delivery, type DeliveryListener } from "./delivery.ts";
import { Departure } from "./departure.ts";
import { type EncodedEntry, encodeEntry } from "./encode-entry.ts";
import { Flushes } from "./flushes.ts";
import { Memory } from "./memory.ts";
import { NotRecordedError, type Recorder, type WaitOptions } from "./recorder.ts";
import type { RecorderEvents, RecorderStats } from "./stats.ts";

/** How much to keep, and where. */
export interface BufferOptions {
  readonly maxEntries: number;
  readonly maxBytes: number;
  readonly spillDirectory: string | undefined;
  readonly spillMaxBytes: number;
  readonly backoff: BackoffOptions;
  readonly timeoutMs: number;
  /** Whether the client speaks protobuf binary. */
  readonly binary: boolean;
  /** What never leaves the process. */
  readonly redaction: Redaction;
}

/** How long the end of a process that has nothing else to do is put off for what waits. */
const finishMs = 2_000;

/** A recorder over a client: memory first, then disk, then nothing. Closes the client with itself. */
export class BufferedRecorder implements Recorder {
  readonly #client: Pick<AuditClient, "audit" | "close">;
  readonly #options: BufferOptions;
  readonly #accounts: Accounts;
  readonly #memory: Memory;
  readonly #delivery: Delivery;
  readonly #departure: Departure;
  readonly #flushes = new Flushes();
  #reachable = true;
  #finishing = false;
  #closing: Promise<void> | undefined;

  constructor(client: Pick<AuditClient, "audit" | "close">, options: BufferOptions) {
    this.#client = client;
    this.#options = options;
    const { maxEntries, maxBytes, spillDirectory, spillMaxBytes } = options;
    const { binary, backoff, timeoutMs, redaction } = options;
    const accounts = new Accounts(redaction);
    const { tally, waiters } = accounts;
    this.#accounts = accounts;
    this.#memory = new Memory({
      ...{ maxEntries, maxBytes, spillDirectory, spillMaxBytes },
      onReady: () => this.#delivery.wake(),
      onSpilled: (entries) => {
        tally.spilled += entries;
      },
      onAdopted: (entries) => {
        tally.taken += entries;
      },
      onDamaged: (entries) => {
        accounts.dropDamaged(entries);
        this.#flushes.check();
      },
      onSpillError: (error) => accounts.tell("spill_failed", { error }),
      onOpened: () => this.#flushes.check(),
    });
    this.#delivery = new Delivery(this.#memory.lanes, {
      ...{ audit: client.audit, binary, backoff, timeoutMs },
      wanted: (id) => waiters.has(id),
      listener: this.#listener(),
    });
    const forgetExit = atExit({
      finish: () => this.#finish(),
      abandon: () => this.#departure.abandon(),
    });
    this.#departure = new Departure({
      ...{ memory: this.#memory, delivery: this.#delivery, accounts },
      onLeft: forgetExit,
    });
  }

  record(entry: NewEntry): void {
    const encoded = this.#encode(entry);
    if (!(encoded instanceof NotRecordedError)) this.#take(encoded);
  }

  recordAndWait(entry: NewEntry, options: WaitOptions = {}): Promise<EntryJson> {
    const encoded = this.#encode(entry);
    if (encoded instanceof NotRecordedError) return Promise.reject(encoded);
    const answer = this.#accounts.waiters.wait(encoded.id, options);
    // Whoever does not wait after all has the events, and must not be ended by an unhandled rejection.
    answer.catch(() => undefined);
    this.#take(encoded);
    return answer;
  }

  async flush({ timeoutMs = 10_000 }: { readonly timeoutMs?: number } = {}): Promise<boolean> {
    return this.#flushes.wait(this.#memory.settled(), timeoutMs);
  }

  close({ timeoutMs = 5_000 }: { readonly timeoutMs?: number } = {}): Promise<void> {
    this.#closing ??= this.#close(timeoutMs);
    return this.#closing;
  }

  get stats(): RecorderStats {
    const onDisk = this.#memory.spill?.waiting ?? { entries: 0, bytes: 0 };
    const waiting = { ...this.#memory.held };
    return { ...this.#accounts.tally.copy(), waiting, onDisk: { ...onDisk } };
  }

  on<Name extends keyof RecorderEvents>(
    event: Name,
    listener: (event: RecorderEvents[Name]) => void,
  ): () => void {
    return this.#accounts.on(event, listener);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  [tellAmended](amendment: RecorderEvents["amended"]): void {
    this.#accounts.tell("amended", amendment);
  }

  /** The entry encoded; an error, which has been told of, if it can be neither sent nor kept. */
  #encode(entry: NewEntry): EncodedEntry | NotRecordedError {
    const accounts = this.#accounts;
    accounts.tally.taken += 1;
    if (this.#closing !== undefined) return accounts.dropClosed();
    try {
      return encodeEntry(entry, surroundings(), this.#options.redaction, (message) => {
        accounts.tell("amended", { action: actionOf(entry), message });
      });
    } catch (error) {
      return accounts.refuseUnencodable(actionOf(entry), error);
    }
  }

  #take(encoded: EncodedEntry): void {
    if (!this.#memory.take(encoded)) this.#accounts.drop(encoded, "overflow");
  }

  /** What becomes of what was sent. */
  #listener(): DeliveryListener {
    const { tally, waiters } = this.#accounts;
    return {
      recorded: (pending, entry) => {
        tally.recorded += 1;
        this.#memory.settle(pending);
        if (entry !== undefined) waiters.recorded(pending.id, () => entryToJson(entry));
      },
      refused: (pending, reason, message) => {
        this.#memory.settle(pending);
        this.#accounts.refuse(pending, reason, message);
      },
      answered: () => this.#answered(),
      unreachable: (event) => {
        tally.retries += 1;
        this.#reachable = false;
        this.#accounts.tell("unreachable", event);
      },
    };
  }

  #answered(): void {
    if (!this.#reachable) this.#accounts.tell("reachable", {});
    this.#reachable = true;
    if (this.#accounts.hasHoles && this.#memory.hasRoom) {
      // Beyond the limit of memory, if need be: they are few, and what they tell is not to be lost.
      for (const hole of this.#accounts.takeHoles()) {
        this.#accounts.tally.taken += 1;
        this.#memory.keep(hole);
      }
    }
    this.#memory.wake();
    this.#flushes.check();
  }

  async #close(timeoutMs: number): Promise<void> {
    await this.flush({ timeoutMs });
    await this.#departure.leave();
    this.#flushes.end();
    this.#client.close();
  }

  /** Nothing else keeps the process running. Once: what could not be sent by then is abandoned. */
  async #finish(): Promise<void> {
    if (this.#finishing || this.#memory.held.entries === 0) return;
    this.#finishing = true;
    await this.flush({ timeoutMs: finishMs });
  }
}

/** For messages about an entry that may be anything. */
function actionOf(entry: NewEntry): string {
  try {
    return typeof entry.action === "string" ? entry.action : "";
  } catch {
    return "";
  }
}
