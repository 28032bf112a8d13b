import { create, fromBinary } from "@bufbuild/protobuf";
import { BinaryWriter, WireType } from "@bufbuild/protobuf/wire";
import { type Client, Code, ConnectError } from "@connectrpc/connect";
import {
  type AuditService,
  type RecordBatchRequest,
  RecordBatchRequestSchema,
} from "../../../gen/audit/v1/audit_service_pb.ts";
import { type AuditEntry, AuditEntrySchema } from "../../../gen/audit/v1/entry_pb.ts";
import { requestLimits } from "../../limits.ts";
import { type BackoffOptions, backoffMs } from "../backoff.ts";
import { bytesOf } from "./encode-entry.ts";
import type { Lanes, Pending } from "./lanes.ts";
import { callFailureOf, noOutcome, type Outcome, outcomeOf } from "./outcome.ts";

/** As much as the server commits in one transaction. */
const maxBatchBytes = 1024 * 1024;
/** An entry on which the server fails without expecting it is given up after so many times. */
const maxFailures = 5;

/** What delivery tells of. */
export interface DeliveryListener {
  /** `entry` is there if {@link DeliveryOptions.wanted} asked for one of the batch. */
  recorded(pending: Pending, entry: AuditEntry | undefined): void;
  refused(pending: Pending, reason: string, message: string): void;
  /** A call has been answered: there is room, and the server is there. */
  answered(): void;
  /** A call failed and is made again. */
  unreachable(event: { error: Error; failures: number; retryInMs: number }): void;
}

/** How to deliver. */
export interface DeliveryOptions {
  readonly audit: Pick<Client<typeof AuditService>, "recordBatch">;
  /** Whether `audit` speaks protobuf binary, so that encoded entries can be sent as they are. */
  readonly binary: boolean;
  readonly backoff: BackoffOptions;
  /** The deadline of one call. */
  readonly timeoutMs: number;
  /** Whether somebody waits for the entry as it was stored. */
  readonly wanted: (id: string) => boolean;
  readonly listener: DeliveryListener;
}

/**
 * Sends what is in the lanes, one batch after another: at once when idle, and while a batch is on its way
 * the next one grows. With a single batch on its way, order holds whatever fails. Ends when stopped.
 */
export class Delivery {
  readonly #lanes: Lanes;
  readonly #options: DeliveryOptions;
  readonly #stop = new AbortController();
  readonly #ended: Promise<void>;
  #inFlight: readonly Pending[] = [];
  #wake: (() => void) | undefined;
  #maxEntries: number = requestLimits.batchEntries;

  constructor(lanes: Lanes, options: DeliveryOptions) {
    this.#lanes = lanes;
    this.#options = options;
    this.#ended = this.#run();
  }

  /** What has been sent and not been answered. */
  get inFlight(): readonly Pending[] {
    return this.#inFlight;
  }

  /** There is something in the lanes. */
  wake(): void {
    this.#wake?.();
  }

  /** Cuts off what is on its way, which goes back into the lanes, and resolves when nothing is sent any more. */
  async stop(): Promise<void> {
    this.#stop.abort();
    this.wake();
    await this.#ended;
  }

  async #run(): Promise<void> {
    for (let failures = 0; !this.#stop.signal.aborted; ) {
      const batch = this.#lanes.take(this.#maxEntries, maxBatchBytes, performance.now());
      if (batch.length === 0) {
        await this.#idle();
        continue;
      }
      this.#inFlight = batch;
      const retryInMs = await this.#send(batch, failures);
      this.#inFlight = [];
      failures = retryInMs === undefined ? 0 : failures + 1;
      if (retryInMs !== undefined) await this.#pause(retryInMs);
    }
  }

  /** Sends a batch. Answers how long to wait if the call failed. */
  async #send(batch: readonly Pending[], failures: number): Promise<number | undefined> {
    const { audit, timeoutMs, backoff, wanted, listener } = this.#options;
    const acknowledgeOnly = !batch.some(({ id }) => wanted(id));
    let outcomes: readonly Outcome[];
    try {
      const options = { timeoutMs, signal: this.#stop.signal };
      const { results } = await audit.recordBatch(this.#request(batch, acknowledgeOnly), options);
      if (results.length !== batch.length) {
        const what = `${results.length} results for ${batch.length} entries`;
        throw new ConnectError(`the server answered with ${what}`, Code.Unavailable);
      }
      outcomes = results.map(outcomeOf);
    } catch (thrown) {
      const failure = callFailureOf(thrown);
      const [only] = batch;
      if (failure.kind === "bad_request" && only !== undefined && batch.length === 1) {
        listener.refused(only, failure.reason, failure.message);
        listener.answered();
        return undefined;
      }
      this.#lanes.putBack(batch);
      if (failure.kind === "bad_request") {
        this.#maxEntries = Math.ceil(batch.length / 2);
        return undefined;
      }
      if (this.#stop.signal.aborted) return undefined;
      const retryInMs = Math.max(backoffMs(failures + 1, backoff), failure.delayMs);
      listener.unreachable({ error: failure.error, failures: failures + 1, retryInMs });
      return retryInMs;
    }
    this.#maxEntries = requestLimits.batchEntries;
    this.#settle(batch, outcomes, acknowledgeOnly);
    return undefined;
  }

  #settle(batch: readonly Pending[], outcomes: readonly Outcome[], acknowledgeOnly: boolean): void {
    const { backoff, listener } = this.#options;
    const again: Pending[] = [];
    const delays = new Map<string, number>();
    for (const [i, pending] of batch.entries()) {
      const outcome = outcomes[i] ?? noOutcome;
      if (outcome.kind === "recorded") {
        this.#lanes.release(pending.teamId);
        listener.recorded(pending, acknowledgeOnly ? undefined : outcome.entry);
      } else if (outcome.kind === "refused") {
        this.#lanes.release(pending.teamId);
        listener.refused(pending, outcome.reason, outcome.message);
      } else if (outcome.kind === "failed" && pending.failures + 1 >= maxFailures) {
        // Those behind it waited for it, and need not do so as long again.
        this.#lanes.release(pending.teamId);
        listener.refused(pending, outcome.reason, outcome.message);
      } else {
        if (outcome.kind === "failed") pending.failures += 1;
        const delayMs = outcome.kind === "later" ? outcome.delayMs : 0;
        delays.set(pending.teamId, Math.max(delays.get(pending.teamId) ?? 0, delayMs));
        again.push(pending);
      }
    }
    this.#lanes.putBack(again);
    for (const [teamId, delayMs] of delays) {
      const delayOf = (failures: number) => Math.max(backoffMs(failures, backoff), delayMs);
      this.#lanes.hold(teamId, performance.now(), delayOf);
    }
    listener.answered();
  }

  /** The request: of encoded entries as they are, which saves decoding and encoding each again. */
  #request(batch: readonly Pending[], acknowledgeOnly: boolean): RecordBatchRequest {
    const request = create(RecordBatchRequestSchema, { acknowledgeOnly });
    if (this.#options.binary) {
      request.$unknown = batch.map((entry) => ({
        no: RecordBatchRequestSchema.field.entries.number,
        wireType: WireType.LengthDelimited,
        data: new BinaryWriter().bytes(bytesOf(entry)).finish(),
      }));
    } else {
      request.entries = batch.map((entry) => fromBinary(AuditEntrySchema, bytesOf(entry)));
    }
    return request;
  }

  /** Waits for something to send. */
  #idle(): Promise<void> {
    const readyAt = this.#lanes.readyAt;
    return this.#pause(readyAt === undefined ? undefined : readyAt - performance.now(), true);
  }

  /** Waits for so long, or until stopped, or (if wakeable) woken. A process may end meanwhile. */
  #pause(ms: number | undefined, wakeable = false): Promise<void> {
    return new Promise((resolve) => {
      const timer = ms === undefined ? undefined : setTimeout(resolve, Math.max(ms, 0));
      timer?.unref();
      this.#wake = () => {
        if (!wakeable && !this.#stop.signal.aborted) return;
        clearTimeout(timer);
        resolve();
      };
      if (this.#stop.signal.aborted) this.#wake();
    });
  }
}
