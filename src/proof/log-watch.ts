import type { Logger } from "pino";
import { AuditError } from "../errors.ts";
import { formatTeamId, type TeamId } from "../ids.ts";
import { base64 } from "../log/base64.ts";
import { readTreeHeads } from "../store/heads.ts";
import type { Queryable } from "../store/pool.ts";
import { type CheckpointStore, CheckpointStoreError, type SignedHead } from "./checkpoint-store.ts";
import { Coalesced } from "./coalesced.ts";
import { type Contradiction, findContradiction } from "./contradiction.ts";
import { forEachOf } from "./for-each-of.ts";

/** What the watch needs of the world. */
export interface LogWatchOptions {
  readonly db: Queryable;
  readonly store: CheckpointStore;
  readonly logger: Logger;
  readonly metrics: {
    /** A log was found to contradict what was signed for it. */
    conflict(): void;
    /** How many logs are refused now. */
    refused(logs: number): void;
  };
}

/** Logs that are compared at a time, when all are. */
const comparisons = 4;
/** Refused logs that are logged one by one; `annals accept-rollback` shows all. */
const mostLogged = 1_000;

const alarm =
  "a log contradicts what was signed for it: the database was rolled back or tampered with; " +
  "nothing is recorded in this log or signed for it";

const damage =
  "a log's head is not that of its own entries: the database is damaged or was tampered with; " +
  "nothing is recorded in this log or signed for it";

/**
 * Knows how far each log was signed, and refuses the logs that contradict it. It remembers one
 * number a signed team, so that an append is judged without asking anyone.
 */
export class LogWatch {
  readonly #options: LogWatchOptions;
  /** The size signed for each team, as far as this replica knows. */
  readonly #signed = new Map<TeamId, bigint>();
  readonly #refused = new Map<TeamId, AuditError>();
  readonly #checks: Coalesced<TeamId, void>;
  /** How far the store's changes are known. */
  #revision = 0n;

  constructor(options: LogWatchOptions) {
    this.#options = options;
    this.#checks = new Coalesced((teamId) => this.#checkOne(teamId));
  }

  /** Why a team's log is refused; undefined if it is not. */
  refusal(teamId: TeamId): AuditError | undefined {
    return this.#refused.get(teamId);
  }

  /** The teams whose logs are refused. */
  get refused(): readonly TeamId[] {
    return [...this.#refused.keys()];
  }

  /** How far a team's log was signed; 0 if it was not. */
  signedSize(teamId: TeamId): bigint {
    return this.#signed.get(teamId) ?? 0n;
  }

  /** Whether a log of this size may be appended to, as far as is known; nothing comes of it. */
  accepts(teamId: TeamId, size: bigint): boolean {
    return !this.#refused.has(teamId) && size >= this.signedSize(teamId);
  }

  /**
   * Whether a log that has this size, its head being locked, may be appended to. One that is shorter
   * than what was signed must wait until it has been compared, which this begins.
   */
  judge(teamId: TeamId, size: bigint): "append" | "wait" | AuditError {
    const refusal = this.#refused.get(teamId);
    if (refusal !== undefined) return refusal;
    const signedSize = this.signedSize(teamId);
    if (size >= signedSize) return "append";
    if (this.#checks.running(teamId) === undefined) {
      this.#checks.run(teamId).catch((error: unknown) => {
        this.#options.logger.warn({ err: error }, "a log that has shrunk could not be compared");
        // Whatever the store would say: what this replica knows to be signed is not there.
        if (error instanceof CheckpointStoreError) this.#refuse(teamId, signedSize, size);
      });
    }
    return "wait";
  }

  /** A head was signed and stored, its log having been compared with what was signed before. */
  signed({ teamId, size }: SignedHead): void {
    this.#signed.set(teamId, size);
  }

  /**
   * The last head signed for a team, by any replica.
   *
   * @throws CheckpointStoreError also if the store has forgotten what this replica knows to be
   *   signed: an empty store, or an older one, in the place of the one there was makes no rollback
   *   right.
   */
  async lastSigned(teamId: TeamId): Promise<SignedHead | undefined> {
    const { store } = this.#options;
    const known = this.signedSize(teamId);
    const signed = await store.get(teamId);
    if ((signed?.size ?? 0n) >= known) return signed;
    if (signed !== undefined && (await store.wasSuperseded(teamId, known))) return signed;
    throw new CheckpointStoreError(
      `the checkpoint store has forgotten what was signed for ${formatTeamId(teamId)}: ` +
        "it was lost, or an older one is in its place",
    );
  }

  /**
   * Learns what other replicas have signed since, so that a log that has become shorter takes no
   * append here either.
   *
   * @throws CheckpointStoreError, or the database's error.
   */
  async catchUp(): Promise<void> {
    for await (const { heads, revision } of this.#options.store.changesAfter(this.#revision)) {
      for (const head of heads) {
        if (head.size >= this.signedSize(head.teamId)) this.signed(head);
        else await this.check(head.teamId);
      }
      this.#revision = revision;
    }
  }

  /** Compares a team's log with what the store has for it, from now on. */
  check(teamId: TeamId): Promise<void> {
    return this.#checks.run(teamId);
  }

  /**
   * Compares all logs with what the store has for them.
   *
   * @throws CheckpointStoreError, or the database's error.
   */
  async checkAll(): Promise<void> {
    const { db, store } = this.#options;
    for await (const group of store.all()) {
      const foundOf = await readTreeHeads(
        db,
        group.map(({ teamId }) => teamId),
      );
      await forEachOf(group, comparisons, async (signed) => {
        const { teamId, size } = signed;
        const contradiction = await findContradiction(db, teamId, signed, foundOf(teamId));
        const isNews = contradiction !== undefined || this.#refused.has(teamId);
        // The group was read a while ago: what is to be refused, or taken up, is looked at anew.
        if (isNews || size < this.signedSize(teamId)) await this.check(teamId);
        else this.#signed.set(teamId, size);
      });
    }
  }

  async #checkOne(teamId: TeamId): Promise<void> {
    const { db, logger, metrics } = this.#options;
    const refusal = this.#refused.get(teamId);
    const signedSize = this.#signed.get(teamId);
    const signed = await this.lastSigned(teamId);
    const foundOf = await readTreeHeads(db, [teamId]);
    const contradiction = await findContradiction(db, teamId, signed, foundOf(teamId));
    if (contradiction !== undefined) {
      this.refuse(contradiction);
      return;
    }
    // What was found out while this compared is newer than what it compared.
    if (this.#refused.get(teamId) === refusal && this.#refused.delete(teamId)) {
      metrics.refused(this.#refused.size);
      if (this.#refused.size < mostLogged) {
        logger.warn({ teamId }, "a log no longer contradicts what was signed for it");
      }
    }
    if (this.#signed.get(teamId) !== signedSize) return;
    if (signed === undefined) this.#signed.delete(teamId);
    else this.#signed.set(teamId, signed.size);
  }

  /** Refuses a log from now on, until it is found to be what was signed, or that was accepted. */
  refuse({ kind, teamId, signed, found }: Contradiction): AuditError {
    const message = signed === undefined ? damage : alarm;
    return this.#refuse(teamId, signed?.size ?? 0n, found.size, message, {
      kind,
      signedRoot: signed && base64(signed.root),
      root: found.root && base64(found.root),
      origin: signed?.note.slice(0, signed.note.indexOf("\n")),
    });
  }

  #refuse(
    teamId: TeamId,
    signedSize: bigint,
    size: bigint,
    message = alarm,
    details: object = {},
  ): AuditError {
    const { logger, metrics } = this.#options;
    const sizes = { signed_size: String(signedSize), size: String(size) };
    const known = this.#refused.get(teamId)?.metadata;
    const refusal = new AuditError(
      "LOG_CONTRADICTS_CHECKPOINT",
      `the log of ${formatTeamId(teamId)} contradicts a checkpoint that was signed for it`,
      { metadata: sizes },
    );
    this.#refused.set(teamId, refusal);
    metrics.refused(this.#refused.size);
    if (known?.size === sizes.size && known.signed_size === sizes.signed_size) return refusal;
    metrics.conflict();
    if (this.#refused.size <= mostLogged) {
      const { signed_size: signed } = sizes;
      logger.error({ teamId, signedSize: signed, size: sizes.size, ...details }, message);
    }
    return refusal;
  }
}
