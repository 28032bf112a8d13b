import type pg from "pg";

/** An append was not sent behind another, or that one did not leave the logs as it said. Nothing was appended. */
export class NotBehind extends Error {
  override readonly name = "NotBehind";
}

/**
 * A session for an append, and for those that are sent behind it without waiting for its answer. It goes back
 * to its pool with the last of them.
 */
export class AppendSession {
  readonly client: pg.PoolClient;
  #users = 1;
  /** Appends in one go that have been sent and not answered. */
  #unanswered = 0;
  /** One of them failed, or found logs otherwise, so that those behind it cannot be right. */
  #spoilt = false;
  #failure: Error | undefined;

  constructor(client: pg.PoolClient) {
    this.client = client;
  }

  /** Whether another append can be sent behind what is on its way. */
  get takesMore(): boolean {
    return this.#unanswered > 0 && !this.#spoilt;
  }

  /**
   * For an append to be sent behind what is on its way.
   *
   * @throws NotBehind if nothing is, which may then be in the middle of a transaction.
   */
  join(): this {
    if (!this.takesMore) throw new NotBehind("nothing is on its way");
    this.#users += 1;
    return this;
  }

  /** An append in one go is on its way. */
  sent(): void {
    this.#unanswered += 1;
  }

  /** The answer to it has come, or will never come. */
  answered(asExpected: boolean): void {
    this.#unanswered -= 1;
    this.#spoilt ||= !asExpected;
  }

  /** An append is done with it. If one failed the session is closed: the server ends its transaction. */
  leave(failure: Error | undefined): void {
    this.#failure ??= failure;
    this.#users -= 1;
    if (this.#users === 0) this.client.release(this.#failure);
  }
}
