import { setTimeout as delay } from "node:timers/promises";
import type { Logger } from "pino";
import type { CallSignal } from "../call-signal.ts";
import { AuditError } from "../errors.ts";
import type { TeamId } from "../ids.ts";
import type { Entry } from "../log/entry.ts";
import { formatVerifierKey } from "../log/note.ts";
import type { SigningKey } from "../log/signing-key.ts";
import { readSizesAfter } from "../store/heads.ts";
import type { Queryable } from "../store/pool.ts";
import { Backlog } from "./backlog.ts";
import { type CheckpointStore, CheckpointStoreError, type SignedHead } from "./checkpoint-store.ts";
import { forEachOf } from "./for-each-of.ts";
import { LogWatch } from "./log-watch.ts";
import { Signer } from "./signer.ts";

/** What the notary needs of the world. */
export interface NotaryOptions {
  readonly db: Queryable;
  readonly key: SigningKey;
  readonly store: CheckpointStore;
  readonly logger: Logger;
  /** How often logs that have grown are signed unasked; 0 for never. */
  readonly intervalMs: number;
  readonly metrics: {
    signed(seconds: number): void;
    failed(): void;
    conflict(): void;
    /** How many logs are refused now. */
    refused(logs: number): void;
    /** How many logs wait to be signed unasked. */
    unsigned(logs: number): void;
  };
  /** How soon refused logs are compared again. */
  readonly recheckMs?: number;
}

const recheckRefusedMs = 10_000;
const recheckAllMs = 600_000;
const retryMs = 2_000;
const pageLogs = 1_000;
/** Refused logs up to which each is compared alone; above, all logs are, which is sooner done. */
const mostComparedAlone = 200;
const comparedAtOnce = 4;

/**
 * Signs the logs of all teams, and refuses those that contradict what any replica has signed for
 * them. What was signed last is kept in a store that does not share the database's fate.
 */
export class Notary {
  /** The key that verifies what this notary signs. */
  readonly verifierKey: string;
  readonly #options: NotaryOptions;
  readonly #watch: LogWatch;
  readonly #signer: Signer;
  readonly #backlog: Backlog;
  readonly #closing = new AbortController();
  readonly #timers: NodeJS.Timeout[] = [];
  #doubts = 0;
  #checking: Promise<void> | undefined;
  #failing = false;

  constructor(options: NotaryOptions) {
    const { db, key, store, logger, metrics } = options;
    this.#options = options;
    this.verifierKey = formatVerifierKey(key.verifier);
    this.#watch = new LogWatch({ db, store, logger, metrics });
    const onSigned = (seconds: number) => {
      metrics.signed(seconds);
      this.#works();
    };
    this.#signer = new Signer({ db, key, store, watch: this.#watch, onSigned });
    this.#backlog = new Backlog({
      sign: (teamId) => this.#signUnasked(teamId),
      onChange: metrics.unsigned,
    });
  }

  /**
   * Compares every log with what was signed for it, and from now on does so now and then.
   *
   * @throws CheckpointStoreError, or the database's error.
   */
  async start(): Promise<void> {
    await this.#watch.checkAll();
    await this.#watch.catchUp();
    await this.#findUnsigned();
    this.#every(this.#options.recheckMs ?? recheckRefusedMs, () => this.#lookAgain());
    this.#every(recheckAllMs, async () => this.doubt());
    if (this.#options.intervalMs > 0) {
      this.#every(this.#options.intervalMs, () => this.#backlog.signAll());
    }
  }

  /**
   * A signed head of a team's log as it is committed when this is called, or later; with `atLeast`,
   * of that size or more, though it be of before. A log without entries has one of size 0.
   *
   * @throws AuditError LOG_CONTRADICTS_CHECKPOINT, CHECKPOINT_UNAVAILABLE; the signal's reason; or
   *   the database's error.
   */
  async checkpoint(teamId: TeamId, signal: CallSignal, atLeast?: bigint): Promise<SignedHead> {
    signal.throwIfAborted();
    const aborted = Promise.withResolvers<never>();
    const onAbort = () => aborted.reject(signal.reason);
    signal.addEventListener("abort", onAbort);
    try {
      return await Promise.race([this.#signer.signedHead(teamId, atLeast), aborted.promise]);
    } catch (error) {
      if (!(error instanceof CheckpointStoreError)) throw error;
      this.#fails(error);
      throw new AuditError("CHECKPOINT_UNAVAILABLE", "no checkpoint can be signed just now", {
        retryDelayMs: 1_000,
        cause: error,
      });
    } finally {
      signal.removeEventListener("abort", onAbort);
    }
  }

  /** Why a team's log is refused; undefined if it is not. */
  refusal(teamId: TeamId): AuditError | undefined {
    return this.#watch.refusal(teamId);
  }

  /** Whether a log whose head is locked and has this size may be appended to: a `LogGuard`. */
  judge(teamId: TeamId, size: bigint): "append" | "wait" | AuditError {
    return this.#watch.judge(teamId, size);
  }

  /** Whether a log of this size may be appended to, as far as is known; nothing comes of it. */
  accepts(teamId: TeamId, size: bigint): boolean {
    return this.#watch.accepts(teamId, size);
  }

  /** Hears of entries that were just committed here. */
  appended(entries: readonly Entry[]): void {
    if (this.#options.intervalMs === 0) return;
    for (const { teamId } of entries) this.#backlog.add(teamId);
  }

  /** The database may not be what it was: compares all logs again, until that has succeeded. */
  doubt(): void {
    this.#doubts += 1;
    this.#checking ??= this.#checkAll().finally(() => {
      this.#checking = undefined;
    });
  }

  /** Signs what has grown, for `graceMs` at most, and stops. */
  async close(graceMs: number): Promise<void> {
    this.#closing.abort();
    for (const timer of this.#timers) clearInterval(timer);
    await this.#backlog.close(graceMs);
  }

  async #signUnasked(teamId: TeamId): Promise<void> {
    try {
      await this.#signer.signedHead(teamId);
    } catch (error) {
      // Of a log that is refused the watch has told, and it does not go on.
      if (!(error instanceof AuditError) || error.reason !== "LOG_CONTRADICTS_CHECKPOINT") {
        throw error;
      }
    }
  }

  /** Learns what others have signed, and compares the refused logs again. */
  async #lookAgain(): Promise<void> {
    await this.#watch.catchUp();
    const { refused } = this.#watch;
    if (refused.length > mostComparedAlone) await this.#watch.checkAll();
    else await forEachOf(refused, comparedAtOnce, (teamId) => this.#watch.check(teamId));
  }

  async #checkAll(): Promise<void> {
    const { signal } = this.#closing;
    for (let settled = -1; settled !== this.#doubts && !signal.aborted; ) {
      const doubts = this.#doubts;
      try {
        await this.#watch.checkAll();
        this.#works();
        settled = doubts;
      } catch (error) {
        this.#fails(error);
      }
      if (settled !== this.#doubts) await delay(retryMs, undefined, { signal }).catch(() => {});
    }
  }

  /** Finds the logs that have grown since they were signed, others' appends among them. */
  async #findUnsigned(): Promise<void> {
    let unsigned = 0;
    let signed = 0;
    for (let after: TeamId | undefined; ; ) {
      const sizes = await readSizesAfter(this.#options.db, after, pageLogs);
      for (const [teamId, size] of sizes) {
        after = teamId;
        const signedSize = this.#watch.signedSize(teamId);
        if (signedSize === 0n) unsigned += 1;
        else signed += 1;
        if (size > signedSize && this.#options.intervalMs > 0) this.#backlog.add(teamId);
      }
      if (sizes.size < pageLogs) break;
    }
    if (signed > 0 || unsigned === 0) return;
    this.#options.logger.error(
      { logs: unsigned },
      "the checkpoint store is empty, though the database has logs: unless it is a new one, it was " +
        "lost, and what was signed before is not known any more",
    );
  }

  /** Does something again and again, one after the other. */
  #every(intervalMs: number, work: () => Promise<void>): void {
    let working = false;
    const turn = async () => {
      if (working) return;
      working = true;
      try {
        await work();
      } catch (error) {
        this.#fails(error);
      } finally {
        working = false;
      }
    };
    this.#timers.push(setInterval(() => void turn(), intervalMs));
  }

  #fails(error: unknown): void {
    this.#options.metrics.failed();
    if (this.#failing || this.#closing.signal.aborted) return;
    this.#failing = true;
    this.#options.logger.error({ err: error }, "logs can be neither signed nor compared");
  }

  #works(): void {
    if (!this.#failing) return;
    this.#failing = false;
    this.#options.logger.info("logs are signed and compared again");
  }
}
