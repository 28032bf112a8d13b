import { randomUUIDv7 } from "node:crypto";
import { setTimeout as delay } from "node:timers/promises";
import { type Client, Code, ConnectError } from "@connectrpc/connect";
import type { AuditService } from "../../gen/audit/v1/audit_service_pb.ts";
import { newId } from "../support/server.ts";

type Audit = Client<typeof AuditService>;

/** What a caller is told during an outage, with a reason to try again. */
const passing: readonly Code[] = [
  Code.Unavailable,
  Code.DeadlineExceeded,
  Code.ResourceExhausted,
  // The connection broke: nobody here cancels a call.
  Code.Aborted,
  Code.Canceled,
];
const PATIENCE_MS = 60_000;

/** Writers as callers should be: each sends an entry until it is acknowledged, then the next. */
export class Load implements AsyncDisposable {
  readonly teams: readonly string[];
  /** Positions of acknowledged entries by team and id. */
  readonly acknowledged: ReadonlyMap<string, Map<string, bigint>>;
  /** How often calls failed, by code. */
  readonly failures = new Map<Code, number>();
  readonly #choose: () => Audit;
  readonly #writers: Promise<void>;
  #stopped = false;
  #changed = Promise.withResolvers<void>();

  /** Starts writing to new teams, through a client that is chosen anew for each call. */
  constructor(choose: () => Audit, { writers = 12, teams = 3 } = {}) {
    this.#choose = choose;
    this.teams = Array.from({ length: teams }, () => newId("team"));
    this.acknowledged = new Map(this.teams.map((teamId) => [teamId, new Map()]));
    this.#writers = Promise.all(
      Array.from({ length: writers }, (_, i) => this.#write(this.teams[i % teams] as string)),
    ).then(() => undefined);
    this.#writers.catch(() => undefined); // Heard by whoever waits.
  }

  /** How many entries have been acknowledged. */
  get count(): number {
    return [...this.acknowledged.values()].reduce((sum, ids) => sum + ids.size, 0);
  }

  get failed(): number {
    return [...this.failures.values()].reduce((sum, count) => sum + count, 0);
  }

  /**
   * Resolves when the load has come so far.
   *
   * @throws what a writer was told that does not call for a retry; Error after a minute.
   */
  async until(enough: (load: Load) => boolean): Promise<void> {
    const deadline = performance.now() + PATIENCE_MS;
    while (!enough(this)) {
      if (performance.now() > deadline) throw new Error(`the load stands still at ${this.count}`);
      await Promise.race([this.#changed.promise, this.#writers, delay(1_000)]);
    }
  }

  /** Resolves when so many more entries have been acknowledged. */
  more(entries: number): Promise<void> {
    const target = this.count + entries;
    return this.until(({ count }) => count >= target);
  }

  /** Ends the load; calls under way are answered first. */
  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#writers;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopped = true;
    await this.#writers.catch(() => undefined); // The test has failed already, and says why.
  }

  async #write(teamId: string): Promise<void> {
    while (!this.#stopped) {
      const entry = { id: `log-${randomUUIDv7()}`, teamId, action: "create" };
      while (!this.acknowledged.get(teamId)?.has(entry.id)) {
        try {
          const answer = await this.#choose().record({ entry });
          this.acknowledged.get(teamId)?.set(entry.id, answer.entry?.sequence ?? 0n);
        } catch (error) {
          const { code, rawMessage } = ConnectError.from(error);
          // A server that closes refuses what it has not begun; connect-node calls that internal.
          const refused = rawMessage.includes("NGHTTP2_REFUSED_STREAM");
          if (!refused && !passing.includes(code)) throw error;
          this.failures.set(code, (this.failures.get(code) ?? 0) + 1);
          if (this.#stopped) return;
          await delay(20);
        }
        this.#changed.resolve();
        this.#changed = Promise.withResolvers();
      }
    }
  }
}
