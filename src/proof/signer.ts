import { AuditError } from "../errors.ts";
import type { TeamId } from "../ids.ts";
import { equalBytes } from "../log/proof.ts";
import type { SigningKey } from "../log/signing-key.ts";
import { readTreeHeads, type TreeHead } from "../store/heads.ts";
import type { Queryable } from "../store/pool.ts";
import type { CheckpointStore, SignedHead } from "./checkpoint-store.ts";
import { Coalesced } from "./coalesced.ts";
import { findContradiction } from "./contradiction.ts";
import type { LogWatch } from "./log-watch.ts";
import { signHead } from "./signed-head.ts";

/** What the signer needs of the world. */
export interface SignerOptions {
  readonly db: Queryable;
  readonly key: SigningKey;
  readonly store: CheckpointStore;
  readonly watch: LogWatch;
  /** A head was signed and stored, after so many seconds. */
  readonly onSigned: (seconds: number) => void;
}

/** Signed heads that are remembered, the latest. */
const mostRemembered = 10_000;
/** Other replicas that may sign the same log first, one after another, before a call gives up. */
const attempts = 20;

/**
 * Signs heads. What it gives out was committed, agrees with all that any replica has signed for the
 * log, and is in the store. The store is not locked meanwhile: it takes a head only in the place of
 * the one that it was compared with, so of two replicas that sign at once one has to begin again.
 */
export class Signer {
  readonly #options: SignerOptions;
  readonly #rounds: Coalesced<TeamId, SignedHead>;
  readonly #remembered = new Map<TeamId, SignedHead>();

  constructor(options: SignerOptions) {
    this.#options = options;
    this.#rounds = new Coalesced((teamId) => this.#sign(teamId));
  }

  /**
   * The signed head of a log as it is committed when this is called, or later. With `atLeast` an
   * older one will do if it is of that size. A log without entries has one that is not stored.
   *
   * @throws AuditError LOG_CONTRADICTS_CHECKPOINT, CHECKPOINT_UNAVAILABLE; CheckpointStoreError, or
   *   the database's error.
   */
  async signedHead(teamId: TeamId, atLeast?: bigint): Promise<SignedHead> {
    const { watch } = this.#options;
    const refusal = watch.refusal(teamId);
    if (refusal !== undefined) throw refusal;
    if (atLeast !== undefined) {
      const remembered = this.#remembered.get(teamId);
      const isLast = remembered?.size === watch.signedSize(teamId);
      if (remembered !== undefined && isLast && remembered.size >= atLeast) return remembered;
      // One that is under way may have read the head late enough.
      const underWay = await this.#rounds.running(teamId)?.catch(() => undefined);
      if (underWay !== undefined && underWay.size >= atLeast) return underWay;
    }
    return this.#rounds.run(teamId);
  }

  async #sign(teamId: TeamId): Promise<SignedHead> {
    const { store, watch } = this.#options;
    const start = performance.now();
    const remembered = this.#remembered.get(teamId);
    // Before the head is read: then what was signed cannot be ahead of it, unless it was rolled back.
    let last = remembered ?? (await watch.lastSigned(teamId));
    let wanted: bigint | undefined;
    for (let attempt = 0; attempt < attempts; attempt++) {
      const head = await this.#readHead(teamId);
      wanted ??= head.size;
      if (last !== undefined && last === remembered && isOf(last, head)) return last;
      const contradiction = await findContradiction(this.#options.db, teamId, last, head);
      if (contradiction !== undefined) {
        // What is remembered may be of before a rollback that was accepted since.
        const present = await watch.lastSigned(teamId);
        if (present?.note === last?.note) throw watch.refuse(contradiction);
        last = present;
        continue;
      }
      if (attempt > 0 && last !== undefined && last.size >= wanted && this.#isOurs(last)) {
        return this.#remember(last);
      }
      const next = signHead(this.#options.key, teamId, head);
      if (next.size === 0n) return next;
      const present = next.note === last?.note ? last : await store.replace(last, next);
      if (present?.note === next.note) {
        if (present !== last) this.#options.onSigned((performance.now() - start) / 1_000);
        return this.#remember(next);
      }
      // Another replica was first, or the store is not what it was.
      last = await watch.lastSigned(teamId);
    }
    throw new AuditError("CHECKPOINT_UNAVAILABLE", "too many replicas sign this log at once", {
      retryDelayMs: 1_000,
    });
  }

  async #readHead(teamId: TeamId): Promise<TreeHead> {
    return (await readTreeHeads(this.#options.db, [teamId]))(teamId);
  }

  /** Whether a head was signed with this key; signatures of Ed25519 are always the same. */
  #isOurs(head: SignedHead): boolean {
    return signHead(this.#options.key, head.teamId, head).note === head.note;
  }

  #remember(head: SignedHead): SignedHead {
    this.#options.watch.signed(head);
    this.#remembered.delete(head.teamId);
    this.#remembered.set(head.teamId, head);
    const [oldest] = this.#remembered.keys();
    if (this.#remembered.size > mostRemembered && oldest !== undefined) {
      this.#remembered.delete(oldest);
    }
    return head;
  }
}

function isOf(signed: SignedHead, { size, root }: TreeHead): boolean {
  return signed.size === size && root !== undefined && equalBytes(signed.root, root);
}
